import HeedAttention
import HeedTensor
import Testing

@Suite struct SameBitsTests {
  @Test("1, 2, 3 and 7 threads give the same bits, forward and backward")
  func threads() {
    let x = AttentionInputs(B: 1, H: 3, G: 1, T: 70, S: 1500, D: 16)
    for precision in ProductPrecision.allCases {
      let all = [1, 2, 3, 7].map { count in
        ThreadPool.withThreadCount(count) {
          let result = differentiated([x.q, x.k, x.v], x.upstream) {
            attention($0[0], $0[1], $0[2], mask: .causal, precision: precision)
          }
          return ([result.output] + result.gradients).map(bits)
        }
      }
      for other in all.dropFirst() { #expect(other == all[0]) }
    }
  }

  @Test("a sequence has the same bits whatever its batch neighbours are")
  func neighbours() {
    let x = AttentionInputs(B: 3, H: 2, T: 33, D: 16)
    let whole = attention(x.q, x.k, x.v, mask: .causal)
    for b in 0..<3 {
      func one(_ tensor: Tensor) -> Tensor { tensor.sliced(axis: 0, range: b..<b + 1) }
      let alone = attention(one(x.q), one(x.k), one(x.v), mask: .causal)
      #expect(bits(alone) == bits(one(whole)))
    }
  }

  @Test("one shot, chunks and single steps with a cache give the same bits")
  func chunks() {
    let count = 1100
    let x = AttentionInputs(B: 1, H: 4, G: 2, T: count, D: 16)
    for precision in ProductPrecision.allCases {
      let whole = bits(attention(x.q, x.k, x.v, mask: .causal, precision: precision))
      for sizes in [[700, 390, 7, 1, 1, 1], [1099, 1], [64, 1036]] {
        var cache = KeyValueCache()
        var start = 0
        var parts: [Tensor] = []
        for size in sizes {
          let range = start..<start + size
          cache.append(
            keys: x.k.sliced(axis: 2, range: range), values: x.v.sliced(axis: 2, range: range))
          if let keys = cache.keys, let values = cache.values {
            parts.append(
              attention(
                x.q.sliced(axis: 2, range: range), keys, values, mask: .causal,
                precision: precision))
          }
          start += size
        }
        let joined = parts.dropFirst().reduce(parts[0]) { $0.concatenated(with: $1, alongAxis: 2) }
        #expect(bits(joined) == whole)
      }
    }
  }

  @Test(
    "a probe changes no bit, for any mask",
    arguments: FusedAttentionTests.masks.map(\.0).indices)
  func probe(index: Int) {
    let x = AttentionInputs(B: 1, H: 2, T: 65, S: 80, D: 16)
    let mask = FusedAttentionTests.masks[index].1
    let probe = AttentionProbe()
    let probed = attention(x.q, x.k, x.v, mask: mask, probe: probe)
    #expect(bits(probed) == bits(attention(x.q, x.k, x.v, mask: mask)))
    #expect(probe.records.count == 1)
  }
}
