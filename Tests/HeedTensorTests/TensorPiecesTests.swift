import HeedTensor
import Testing

@Suite struct TensorPiecesTests {
  private let pieces = TensorPieces(pieceBytes: 1 << 12)

  @Test("tensors of a piece lie one behind the other, each for itself")
  func neighbours() {
    var first = pieces.tensor([3, 5], .float32)
    var second = pieces.tensor([7], .float32)
    first.mutablePointer(to: Float.self).update(repeating: 1, count: 15)
    second.mutablePointer(to: Float.self).update(repeating: 2, count: 7)
    #expect(second.rawPointer - first.rawPointer == 64)
    // To write one is to write in place, and a copy of it keeps what it was.
    let (copy, place) = (first, second.rawPointer)
    first.makeUnique()
    second.makeUnique()
    #expect(first.rawPointer != copy.rawPointer && second.rawPointer == place)
    first.mutablePointer(to: Float.self).update(repeating: 3, count: 15)
    #expect(first.elements() == [Float](repeating: 3, count: 15))
    #expect(copy.elements() == [Float](repeating: 1, count: 15))
    #expect(second.elements() == [Float](repeating: 2, count: 7))
  }

  @Test("a piece that is full, or whose tensors are gone, is followed by another")
  func follows() {
    let first = pieces.tensor([512], .float32)
    let second = pieces.tensor([512], .float32)
    let third = pieces.tensor([1], .float32)
    #expect(second.rawPointer - first.rawPointer == 2048)
    #expect(third.rawPointer < first.rawPointer || third.rawPointer - first.rawPointer >= 4096)
    // What is larger than half of a piece leaves it as it is.
    let large = pieces.tensor([513], .float32)
    #expect(pieces.tensor([1], .float32).rawPointer - third.rawPointer == 64)
    #expect(large.count == 513)
  }
}
