import HeedAttention
import HeedTensor
import Testing

@Suite("Differential attention")
struct DifferentialAttentionTests {
  @Test("equal looks and a factor of one leave nothing, a factor of zero leaves the first look")
  func looks() {
    let inputs = AttentionInputs(B: 2, H: 4, G: 2, T: 7, D: 5, Dv: 3)
    func twice(_ x: Tensor) -> Tensor { x.concatenated(with: x, alongAxis: 3) }
    let zero = Tensor(zeros: [5])
    var factor = DifferentialFactor(query1: zero, key1: zero, query2: zero, key2: zero, layer: 0)
    func run() -> Tensor {
      differentialAttention(
        twice(inputs.q), twice(inputs.k), inputs.v, factor: factor, epsilon: 1e-9, mask: .causal)
    }
    factor.initial = 1
    let nothing: [Float] = run().elements()
    #expect(nothing.allSatisfy { $0 == 0 })
    factor.initial = 0
    let first = attention(inputs.q, inputs.k, inputs.v, mask: .causal).rmsNorm(epsilon: 1e-9)
    #expect(bits(run()) == bits(first))
  }

  @Test("later layers start with a larger factor, from 0.2 to 0.8")
  func initialFactor() {
    let zero = Tensor(zeros: [5])
    let factors = (0..<40).map {
      DifferentialFactor(query1: zero, key1: zero, query2: zero, key2: zero, layer: $0)
        .value.item(as: Float.self)
    }
    #expect(abs(factors[0] - 0.2) < 1e-6)
    #expect(zip(factors, factors.dropFirst()).allSatisfy { $0 < $1 })
    #expect(factors[39] < 0.8)
  }
}
