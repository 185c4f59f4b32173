import HeedTensor
import Testing

@Suite("Gradients of slices")
struct GradientSumTests {
  /// The sum of `parts`, for which `backward` gives the gradients of all of them.
  private func operation(
    _ parts: [Tensor], _ backward: @escaping @Sendable (Tensor) -> [Tensor?]
  ) -> Tensor {
    let tape = parts.lazy.compactMap { $0.trace?.tape }.first ?? Tape()
    let value = parts.dropFirst().reduce(parts[0].detached()) { $0 + $1.detached() }
    return tape.record(value, from: parts, backward: backward)
  }

  @Test("slices whose gradients lie side by side already stay where they are")
  func neighbours() {
    let x = sample([3, 4, 5]).converted(to: .float32)
    let whole = sample([3, 4, 5], seed: 2).converted(to: .float32)
    for axis in 0..<3 where x.shape[axis] % 2 == 0 {
      let tape = Tape()
      let watched = tape.watch(x)
      let value = operation(watched.split(count: 2, alongAxis: axis)) { _ in
        whole.split(count: 2, alongAxis: axis)
      }
      let gradient = tape.gradients(of: value, for: [watched])[0]
      #expect(gradient.storage === whole.storage)
      #expect(bits(gradient) == bits(whole))
    }
  }

  @Test("slices side by side in a transposed tensor stay too, in the order of its axes")
  func transposed() {
    let x = sample([2, 3, 4]).converted(to: .float32)
    let whole = sample([2, 3, 4], seed: 2).converted(to: .float32)
    let tape = Tape()
    let watched = tape.watch(x)
    let order = [0, 2, 1]
    let value = operation(
      watched.transposed(permutation: order).split(count: 2, alongAxis: 1)
    ) { _ in whole.transposed(permutation: order).split(count: 2, alongAxis: 1) }
    let gradient = tape.gradients(of: value, for: [watched])[0]
    #expect(gradient.storage === whole.storage && gradient.isDense)
    #expect(bits(gradient) == bits(whole))
  }

  @Test("where one of them has no gradient, nothing is written to memory that others read")
  func gaps() {
    let x = sample([4, 6]).converted(to: .float32)
    let whole = sample([4, 6], seed: 2).converted(to: .float32)
    let before = bits(whole)
    let tape = Tape()
    let watched = tape.watch(x)
    let value = operation(watched.split(count: 2, alongAxis: 1)) { _ in
      [nil, whole.split(count: 2, alongAxis: 1)[1]]
    }
    let gradient = tape.gradients(of: value, for: [watched])[0]
    #expect(bits(whole) == before)
    #expect(gradient.sliced(axis: 1, range: 0..<3).doubles.allSatisfy { $0 == 0 })
    #expect(
      bits(gradient.sliced(axis: 1, range: 3..<6)) == bits(whole.sliced(axis: 1, range: 3..<6)))
  }

  @Test("a part from elsewhere joins one that lies in its place")
  func mixed() {
    let x = sample([4, 6]).converted(to: .float32)
    let whole = sample([4, 6], seed: 2).converted(to: .float32)
    let other = sample([4, 3], seed: 3).converted(to: .float32)
    let before = bits(whole)
    let tape = Tape()
    let watched = tape.watch(x)
    let value = operation(watched.split(count: 2, alongAxis: 1)) { _ in
      [whole.split(count: 2, alongAxis: 1)[0], other]
    }
    let gradient = tape.gradients(of: value, for: [watched])[0]
    #expect(bits(whole) == before)
    let want = whole.sliced(axis: 1, range: 0..<3).concatenated(with: other, alongAxis: 1)
    #expect(bits(gradient) == bits(want))
  }
}
