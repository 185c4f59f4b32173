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

  @Test("what a sink takes and what keys get sum to one")
  func sinkMass() {
    let x = AttentionInputs(B: 2, H: 2, T: 9, D: 8)
    let probe = AttentionProbe()
    _ = attention(
      x.q, x.k, x.v, mask: .causal & .window(left: 3, right: nil), softCap: 5,
      sinks: Tensor([Float(3), -1]), probe: probe)
    let record = probe.records[0]
    for (batch, head) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let weights = record.weights(batch: batch, head: head).sum(alongAxes: [1])
      let sums: [Float] = weights.elements()
      let sinks = record.sinkMass(batch: batch, head: head)
      #expect(zip(sums, sinks).allSatisfy { abs($0 + $1 - 1) < 1e-5 })
      #expect(sinks.allSatisfy { $0 > 0 })
    }
    // A query that sees no key gives everything to the sink; without a sink there is none.
    _ = attention(
      x.q, x.k, x.v, mask: .keyLengths([0, 9]), sinks: Tensor([Float(3), -1]), probe: probe)
    #expect(probe.records[1].sinkMass(batch: 0, head: 0) == [Float](repeating: 1, count: 9))
    _ = attention(x.q, x.k, x.v, probe: probe)
    #expect(probe.records[2].sinkMass(batch: 0, head: 0) == [Float](repeating: 0, count: 9))
  }

  @Test("a call in float64 is seen too")
  func float64Call() {
    let x = AttentionInputs(H: 2, T: 9, D: 8)
    let probe = AttentionProbe()
    let probed = attention(float64(x.q), float64(x.k), float64(x.v), mask: .causal, probe: probe)
    _ = attention(x.q, x.k, x.v, mask: .causal, probe: probe)
    #expect(probed.elementType == .float64)
    let weights = probe.records.map { bits($0.weights(batch: 0, head: 1)) }
    #expect(weights.count == 2 && weights[0] == weights[1])
  }

  @Test("a call that was not chosen has no weights, but log-sum-exps and visibility")
  func notChosen() async {
    let x = AttentionInputs(H: 2, T: 9, D: 8)
    let probe = AttentionProbe(calls: [])
    _ = attention(x.q, x.k, x.v, mask: .causal, probe: probe)
    let record = probe.records[0]
    #expect(!record.hasWeights && record.logSumExp.shape == [1, 2, 9])
    #expect(record.visibleKeys(batch: 0, head: 1, query: 2) == (0..<9).map { $0 <= 2 })
    await #expect(processExitsWith: .failure) {
      let x = Tensor(repeating: Float(1), shape: [1, 1, 2, 4])
      let probe = AttentionProbe(calls: [])
      _ = attention(x, x, x, probe: probe)
      _ = probe.records[0].massReceived(batch: 0, head: 0)
    }
    await #expect(processExitsWith: .failure) {
      let x = Tensor(repeating: Float(1), shape: [1, 1, 2, 4])
      let probe = AttentionProbe(calls: [])
      _ = attention(x, x, x, probe: probe)
      _ = probe.records[0].entropy(batch: 0, head: 0)
    }
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
