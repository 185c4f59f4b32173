import HeedTensor
import Testing

@Suite struct NonFiniteTests {
  @Test("NaN and infinity are counted in every type that has them, wherever they stand")
  func counts() {
    for count in [0, 1, 2, 3, 7, 13, 16, 17, 64, 65, 130, 100_003] {
      var values = [Float](repeating: 3, count: count)
      for place in stride(from: 0, to: count, by: 5) {
        values[place] = place % 2 == 0 ? .nan : -.infinity
      }
      let tensor = Tensor(values, shape: [count])
      for type in [ElementType.float64, .float32, .bfloat16, .float16] {
        #expect(tensor.converted(to: type).nonFiniteCount == (count + 4) / 5, "\(type) \(count)")
      }
      #expect(Tensor([Float](repeating: 65_504, count: count), shape: [count]).nonFiniteCount == 0)
    }
    #expect(Tensor([Float(65_520)], shape: [1]).converted(to: .float16).nonFiniteCount == 1)
    #expect(Tensor([Float.nan, 1, .infinity, 2], shape: [2, 2]).transposed().nonFiniteCount == 2)
    #expect(Tensor([Int64.max], shape: [1]).nonFiniteCount == 0)
  }

  @Test("a scale that is no number makes its whole block one")
  func blocks() {
    let whole = BlockTensor(
      quantizing: Tensor(Array(repeating: Float(1), count: 96), shape: [3, 32]), as: .q8_0)
    #expect(whole.nonFiniteCount == 0)
    var bytes = whole.bytes.elements(as: UInt8.self)
    // The scale of the second row: an infinity in half precision.
    (bytes[34], bytes[35]) = (0x00, 0x7C)
    #expect(BlockTensor(.q8_0, bytes: Tensor(bytes, shape: [3, 34])).nonFiniteCount == 32)
  }
}
