import HeedTensor
import Testing

@Suite("Views, joins, gathers")
struct ShapeTests {
  @Test("views send their gradients back to the places they came from")
  func viewGradients() {
    let x = sample([2, 3, 4])
    expectGradient([x]) { $0[0].reshaped(to: [4, -1]).exp() }
    expectGradient([x]) { $0[0].transposed(permutation: [2, 0, 1]).exp() }
    expectGradient([x]) { $0[0].transposed().exp() }
    expectGradient([x]) { $0[0].sliced(axis: 1, range: 1..<3).exp() }
    expectGradient([x]) { $0[0].sliced(axis: -1, range: 0..<0) }
    expectGradient([x]) { $0[0].entry(1, axis: 0).exp() }
    expectGradient([x]) { $0[0].expanded(axis: 1).squeezed(axis: 1).exp() }
    expectGradient([sample([2, 1, 4])]) { $0[0].broadcast(to: [3, 2, 5, 4]).exp() }
    expectGradient([x]) { $0[0].repeated(3, alongAxis: 1).exp() }
    expectGradient([x]) { $0[0].padded(axis: 1, before: 2, after: 1, with: 7).exp() }
    expectGradient([x]) { x in
      let parts = x[0].split(sizes: [1, 3], alongAxis: 2)
      return Tensor(concatenating: [parts[1].exp(), parts[0], parts[1]], alongAxis: 2)
    }
    expectGradient([x, sample([2, 3, 4], seed: 2)]) { Tensor(stacking: $0, alongAxis: 1).exp() }
    expectGradient([x, sample([2, 5, 4], seed: 2)]) {
      $0[0].concatenated(with: $0[1], alongAxis: 1)
    }
  }

  @Test("a transposed copy moves every element", arguments: awkwardSizes)
  func transposition(size: Int) {
    let values = (0..<size * 37).map { Float($0) }
    let x = Tensor(values, shape: [size, 37])
    let y = x.transposed().elements(as: Float.self)
    for row in 0..<size {
      for column in 0..<37 { #expect(y[column * size + row] == values[row * 37 + column]) }
    }
    let wide = Tensor((0..<size * 30).map { Int16($0) }, shape: [2, size, 3, 5])
    let back = wide.transposed(permutation: [0, 2, 1, 3]).copiedByReshape()
      .transposed(permutation: [0, 2, 1, 3])
    #expect(back.elements(as: Int16.self) == wide.elements(as: Int16.self))
  }

  @Test("repeated heads stand next to each other")
  func repeatedHeads() {
    let x = Tensor([1, 2] as [Float], shape: [1, 2, 1])
    #expect(x.repeated(2, alongAxis: 1).elements(as: Float.self) == [1, 1, 2, 2])
  }

  @Test("rows are gathered by number, and their gradients added")
  func gathering() {
    let table = sample([5, 3])
    let numbers = Tensor([4, 0, 4, 2] as [Int32], shape: [2, 2])
    expectGradient([table]) { $0[0].gathered(atIndices: numbers).squared() }
    expectGradient([sample([3, 5])]) {
      $0[0].transposed().gathered(atIndices: [1, 1, 3]).squared()
    }
    expectGradient([sample([4, 3])]) {
      $0[0].scatterAdded(at: [1, 0, 1, 4], in: [5, 3]).squared()
    }
    #expect(table.gathered(atIndices: numbers).shape == [2, 2, 3])
  }

  @Test("what a mask hides never reaches the result or the gradient")
  func replacement() {
    let mask = Tensor([true, false, false, true, true, false], shape: [2, 3])
    expectGradient([sample([2, 3]), sample([3], seed: 2)]) {
      $0[0].squared().replacing(with: $0[1].exp(), where: mask)
    }
    expectGradient([sample([4, 2, 3])]) { $0[0].replacing(with: -3, where: mask) }
    let tape = Tape()
    let x = tape.watch(Tensor([Float.nan, 1, 2, .infinity, .nan, 3], shape: [2, 3]))
    let y = x.replacing(with: 0, where: mask)
    #expect(y.elements(as: Float.self) == [0, 1, 2, 0, 0, 3])
    #expect(tape.gradients(of: y, for: [x])[0].elements(as: Float.self) == [0, 1, 1, 0, 0, 1])
  }

  @Test("an operation of one's own joins the tape")
  func custom() {
    expectGradient([sample([4])]) { inputs in
      Tensor.custom(from: inputs, value: inputs[0].detached().exp()) { y, dy in [dy * y] }
    }
  }
}

extension Tensor {
  /// A dense tensor with the same elements.
  fileprivate func copiedByReshape() -> Tensor { reshaped(to: [count]).reshaped(to: shape) }
}
