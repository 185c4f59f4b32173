import HeedAttention
import HeedTensor
import Testing

@Suite("Linear attention")
struct LinearAttentionTests {
  /// The sums by their definition, in float64: no chunk, no state.
  private func direct(_ q: Tensor, _ k: Tensor, _ v: Tensor, isCausal: Bool) -> Tensor {
    let (T, S, group) = (q.shape[2], k.shape[2], q.shape[1] / k.shape[1])
    let features = FeatureMap.eluPlusOne
    var weights = features(float64(q))
      .matrixProduct(features(float64(k)).repeated(group, alongAxis: 1).transposed())
    if isCausal {
      weights = weights.replacing(
        with: 0, where: Tensor((0..<T * S).map { $0 % S > $0 / S }, shape: [T, S]))
    }
    let sums = weights.sum(alongAxes: [3], keepingRank: true) + 1e-6
    return weights.matrixProduct(float64(v).repeated(group, alongAxis: 1)) / sums
  }

  @Test(
    "chunks of any length give the sums of the definition, forward and backward",
    arguments: [1, 2, 3, 7, 13, 16, 17, 64, 65])
  func chunks(length: Int) {
    let inputs = AttentionInputs(B: 2, H: 4, G: 2, T: 65, D: 5, Dv: 3)
    let list = [inputs.q, inputs.k, inputs.v]
    let got = differentiated(list, inputs.upstream) {
      linearAttention($0[0], $0[1], $0[2], isCausal: true, chunk: length).output
    }
    let want = differentiated(list.map(float64), float64(inputs.upstream)) {
      direct($0[0], $0[1], $0[2], isCausal: true)
    }
    #expect(largestError(got.output, want.output) < 1e-5)
    for (got, want) in zip(got.gradients, want.gradients) {
      #expect(largestError(got, want) < 1e-4)
    }
  }

  @Test("a state carried from token to token gives what all tokens together give")
  func carried() {
    let inputs = AttentionInputs(B: 2, H: 4, G: 2, T: 17, D: 5, Dv: 7)
    let whole = linearAttention(inputs.q, inputs.k, inputs.v, isCausal: true)
    var state: LinearAttentionState?
    for (index, range) in [0..<6, 6..<7, 7..<8, 8..<17].enumerated() {
      let parts = [inputs.q, inputs.k, inputs.v].map { $0.sliced(axis: 2, range: range) }
      let step = linearAttention(parts[0], parts[1], parts[2], isCausal: true, after: state)
      let want = whole.output.sliced(axis: 2, range: range)
      #expect(largestError(step.output, want) < 1e-5, "part \(index)")
      state = step.state
    }
    #expect(state.map { largestError($0.memory, whole.state.memory) } ?? 1 < 1e-5)
    #expect(state.map { largestError($0.mass, whole.state.mass) } ?? 1 < 1e-5)
  }

  @Test("hidden keys change nothing, whatever they hold, and a row without keys is zero")
  func hidden() {
    let inputs = AttentionInputs(B: 2, T: 4, S: 7, D: 3)
    let truths = (0..<14).map { $0 < 5 }
    let visible = Tensor(truths, shape: [2, 7])
    let poison = Tensor(truths.map { $0 ? Float(0) : .nan }, shape: [2, 1, 7, 1])
    let got = linearAttention(
      inputs.q, inputs.k + poison, inputs.v + poison, visibleKeys: visible
    ).output
    let seen = [inputs.q, inputs.k, inputs.v].map { $0.sliced(axis: 0, range: 0..<1) }
    let want = direct(
      seen[0], seen[1].sliced(axis: 2, range: 0..<5), seen[2].sliced(axis: 2, range: 0..<5),
      isCausal: false)
    #expect(largestError(got.sliced(axis: 0, range: 0..<1), want) < 1e-5)
    let empty: [Float] = got.sliced(axis: 0, range: 1..<2).elements()
    #expect(empty.allSatisfy { $0 == 0 })
  }

  @Test("the recurrence without gates is linear attention before its division")
  func plainRecurrence() {
    let inputs = AttentionInputs(B: 2, H: 4, G: 2, T: 13, D: 5, Dv: 3)
    let features = FeatureMap.eluPlusOne
    let ones = Tensor(repeating: Float(1), shape: [2, 2, 13, 1])
    let (sums, _) = linearRecurrence(
      features(inputs.q), features(inputs.k), inputs.v.concatenated(with: ones, alongAxis: 3),
      scale: 1)
    let parts = sums.split(sizes: [3, 1], alongAxis: 3)
    let want = linearAttention(inputs.q, inputs.k, inputs.v, isCausal: true).output
    #expect(largestError(parts[0] / (parts[1] + 1e-6), want) < 1e-5)
  }

  @Test("the delta rule with beta one replaces what was written under the same key")
  func delta() {
    let same = Tensor([Float(0), 1, 0, 0, 0, 1, 0, 0], shape: [1, 1, 2, 4])
    let values = Tensor([Float(1), 2, 3, 4, 5, 6], shape: [1, 1, 2, 3])
    let ones = Tensor(repeating: Float(1), shape: [1, 1, 2, 1])
    let (output, memory) = linearRecurrence(same, same, values, beta: ones, scale: 1)
    #expect(output.elements(as: Float.self) == [1, 2, 3, 4, 5, 6])
    #expect(memory.elements(as: Float.self) == [0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0])
  }

  @Test("a memory carried on through decays and corrections gives what one pass gives")
  func carriedMemory() {
    let inputs = AttentionInputs(B: 1, H: 4, G: 2, T: 7, D: 5, Dv: 3)
    var generator = RandomGenerator(seed: 9)
    let decay = generator.normal([1, 2, 7, 5]).squared() * -0.3
    let beta = generator.normal([1, 2, 7, 1]).sigmoid()
    let keys = inputs.k * 0.3
    let whole = linearRecurrence(inputs.q, keys, inputs.v, decay: decay, beta: beta)
    var memory: Tensor?
    for range in [0..<4, 4..<5, 5..<7] {
      let parts = [inputs.q, keys, inputs.v, decay, beta].map { $0.sliced(axis: 2, range: range) }
      let step = linearRecurrence(
        parts[0], parts[1], parts[2], decay: parts[3], beta: parts[4], memory: memory)
      #expect(bits(step.output) == bits(whole.output.sliced(axis: 2, range: range)))
      memory = step.memory
    }
    #expect(memory.map(bits) == bits(whole.memory))
  }
}
