import HeedAttention
import HeedTensor
import Testing

@Suite struct ProbeTests {
  @Test("weights computed afterwards equal those of the slow twin, and rows sum to one")
  func weights() {
    let x = AttentionInputs(B: 2, H: 4, G: 2, T: 33, S: 40, D: 16)
    let probe = AttentionProbe()
    _ = attention(x.q, x.k, x.v, mask: .causal, softCap: 5, probe: probe)
    let record = probe.records[0]
    let want = referenceAttention(
      float64(x.q), float64(x.k), float64(x.v), mask: .causal, softCap: 5
    ).weights
    for b in 0..<2 {
      for h in 0..<4 {
        let got = record.weights(batch: b, head: h)
        #expect(largestError(got, want.entry(b, axis: 0).entry(h, axis: 0)) < 1e-6)
        let sums: [Float] = got.sum(alongAxes: [1]).elements()
        #expect(sums.allSatisfy { abs($0 - 1) < 1e-5 })
      }
    }
  }

  @Test("a sink takes mass, and what is left sums to less than one")
  func sinks() {
    let x = AttentionInputs(H: 2, T: 9, D: 8)
    let probe = AttentionProbe()
    _ = attention(x.q, x.k, x.v, sinks: Tensor([Float(3), -1]), probe: probe)
    let sums: [Float] =
      probe.records[0].weights(batch: 0, head: 0).sum(alongAxes: [1]).elements()
    #expect(sums.allSatisfy { $0 < 0.9 })
  }

  @Test("mass, entropy and top keys come from the same weights")
  func statistics() {
    let x = AttentionInputs(H: 1, T: 17, D: 8)
    let probe = AttentionProbe()
    _ = attention(x.q, x.k, x.v, mask: .causal, probe: probe)
    let record = probe.records[0]
    let rows: [Float] = record.weights(batch: 0, head: 0).elements()
    let mass = record.massReceived(batch: 0, head: 0)
    let entropy = record.entropy(batch: 0, head: 0)
    for key in 0..<17 {
      let sum = (0..<17).reduce(Float(0)) { $0 + rows[$1 * 17 + key] }
      #expect(abs(mass[key] - sum) < 1e-5)
    }
    #expect(entropy[0] == 0)
    let best = record.topKeys(3, batch: 0, head: 0, query: 16)
    #expect(best.count == 3 && best[0].weight >= best[1].weight)
    #expect(best[0].weight == rows[16 * 17..<17 * 17].max())
  }
}
