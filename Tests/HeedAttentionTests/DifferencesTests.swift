import HeedAttention
import HeedTensor
import HeedTestSupport
import Testing

/// Gradients against central differences in float64: of the slow twin, which the fused attention is
/// compared with, and of everything that is made of tape operations.
@Suite("Gradients equal central differences")
struct DifferencesTests {
  private func random(_ shape: [Int], _ stream: UInt64 = 0) -> Tensor {
    var generator = RandomGenerator(seed: 3, stream: stream)
    return float64(generator.normal(shape))
  }

  private func expectDifferences(
    _ inputs: [Tensor], sourceLocation: SourceLocation = #_sourceLocation,
    _ operation: ([Tensor]) -> Tensor
  ) {
    let upstream = random(operation(inputs).shape, 99)
    for (place, error) in gradientErrors(inputs, upstream: upstream, operation).enumerated() {
      #expect(error < differenceTolerance, "input \(place)", sourceLocation: sourceLocation)
    }
  }

  @Test("the slow twin, with every part and for every mask, values of another width")
  func attention() {
    let shape = FusedAttentionTests.Shape(2, 2, 1, 3, 4, 3, 2)
    let x = shape.inputs
    let inputs =
      [x.q, x.k, x.v].map(float64)
      + [random([1, 2, 3, 4], 1), random([2], 2), random([2], 3)]
    for (name, mask) in FusedAttentionTests.masks + FusedAttentionTests.masks(of: shape)
    where name != "blocks" {
      expectDifferences(inputs) {
        referenceAttention(
          $0[0], $0[1], $0[2], mask: mask, bias: $0[3], alibi: $0[4], softCap: 3, sinks: $0[5],
          dropout: AttentionDropout(rate: 0.2, seed: 1)
        ).output
      }
    }
    expectDifferences(Array(inputs[..<3])) {
      referenceAttention($0[0], $0[1], $0[2], scale: -0.7, mask: .causal(.start)).output
    }
  }

  @Test("rotary positions, for both pairings and a scaling that stretches")
  func rotary() {
    let scaling = RotaryScaling.yarn(.init(factor: 4, trainedLength: 8))
    for pairing in [Rotary.Pairing.halves, .neighbours] {
      let rotary = Rotary(width: 4, pairing: pairing, scaling: scaling)
      expectDifferences([random([2, 2, 3, 6])]) {
        rotary.apply(to: $0[0], positions: [0, 5, 2, 7, 1, 30])
      }
    }
  }

  @Test("linear attention, whole and causal in chunks")
  func linear() {
    let inputs = [random([1, 2, 5, 3]), random([1, 1, 5, 3], 1), random([1, 1, 5, 2], 2)]
    for isCausal in [false, true] {
      expectDifferences(inputs) {
        linearAttention($0[0], $0[1], $0[2], isCausal: isCausal, chunk: 2).output
      }
    }
  }

  @Test("the linear recurrence, gated and with the delta rule")
  func recurrence() {
    let inputs = [random([1, 2, 4, 3]), random([1, 1, 4, 3], 1), random([1, 1, 4, 2], 2)]
    let decay = random([1, 1, 4, 3], 3) * 0.1 - 0.5
    expectDifferences(inputs + [decay]) {
      linearRecurrence($0[0], $0[1], $0[2], decay: $0[3]).output
    }
    let beta = random([1, 1, 4, 1], 4) * 0.1 + 0.5
    expectDifferences(inputs + [beta]) {
      linearRecurrence($0[0], $0[1] * 0.3, $0[2], beta: $0[3]).output
    }
  }

  @Test("differential attention")
  func differential() {
    let vectors = (0..<4).map { random([2], 10 + UInt64($0)) }
    let inputs = [random([1, 2, 3, 4]), random([1, 2, 4, 4], 1), random([1, 2, 4, 2], 2)]
    expectDifferences(inputs + vectors) {
      differentialAttention(
        $0[0], $0[1], $0[2],
        factor: DifferentialFactor(
          query1: $0[3], key1: $0[4], query2: $0[5], key2: $0[6], layer: 1), mask: .causal)
    }
  }

  @Test("Shaw's vectors of distances on keys and values, and Transformer-XL")
  func relative() {
    let inputs = [random([1, 2, 3, 4]), random([1, 2, 5, 4], 1), random([1, 2, 5, 2], 2)]
    expectDifferences(inputs + [random([3, 4], 3), random([3, 2], 4)]) {
      RelativeTables(keys: $0[3], values: $0[4]).attention($0[0], $0[1], $0[2], mask: .causal)
    }
    expectDifferences(inputs + [random([3, 4], 3)]) {
      RelativeTables(keys: $0[3]).attention($0[0], $0[1], $0[2])
    }
    expectDifferences(inputs + [random([2, 4], 5), random([2, 4], 6), random([8, 6], 7)]) {
      transformerXLAttention(
        $0[0], $0[1], $0[2], contentBias: $0[3], positionBias: $0[4], weight: $0[5])
    }
  }

  @Test("T5's buckets in whole matrices")
  func buckets() {
    let buckets = RelativeBuckets(count: 6, maximumDistance: 8, isBidirectional: true)
    let inputs = [random([1, 2, 3, 4]), random([1, 2, 5, 4], 1), random([1, 2, 5, 2], 2)]
    expectDifferences(inputs + [random([6, 2], 3)]) {
      HeedAttention.attention(
        $0[0], $0[1], $0[2], bias: buckets.bias(table: $0[3], queryCount: 3, keyCount: 5))
    }
  }
}
