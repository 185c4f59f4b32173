import HeedAttention
import HeedTensor
import Testing

@Suite struct CacheTests {
  @Test("a window cache keeps the latest keys in order, and attends as a mask would")
  func window() {
    let x = AttentionInputs(B: 1, H: 2, T: 50, D: 8)
    let mask: Mask = .causal & .window(left: 6, right: nil)
    let whole = attention(x.q, x.k, x.v, mask: mask)
    var cache = KeyValueCache(policy: .window(7))
    for t in 0..<50 {
      cache.append(
        keys: x.k.sliced(axis: 2, range: t..<t + 1), values: x.v.sliced(axis: 2, range: t..<t + 1))
      #expect(cache.count == min(t + 1, 7) && cache.position == t + 1)
      if let keys = cache.keys, let values = cache.values {
        let step = attention(x.q.sliced(axis: 2, range: t..<t + 1), keys, values, mask: mask)
        // The keys stand at other places of their block than without a cache: not the same bits.
        #expect(largestError(step, float64(whole.sliced(axis: 2, range: t..<t + 1))) < 1e-6)
      }
    }
  }

  @Test("a sliding cache forgets whole splits, and attends with the bits of a growing one")
  func sliding() {
    let count = 3300
    let x = AttentionInputs(B: 1, H: 1, T: count, D: 4)
    func part(_ tensor: Tensor, _ range: Range<Int>) -> Tensor {
      tensor.sliced(axis: 2, range: range)
    }
    let mask: Mask = .causal & .window(left: 99, right: nil)
    var caches = [KeyValueCache(policy: .sliding(window: 100)), KeyValueCache()]
    // A long piece, single steps over the places where splits end, and pieces between them.
    var start = 0
    for length in [1120, 1, 1, 2, 940, 1, 80, 1, 1000, 1, 20] {
      let range = start..<start + length
      start = range.upperBound
      var results: [[UInt32]] = []
      for i in caches.indices {
        caches[i].append(keys: part(x.k, range), values: part(x.v, range))
        guard let keys = caches[i].keys, let values = caches[i].values else { continue }
        results.append(bits(attention(part(x.q, range), keys, values, mask: mask)))
      }
      #expect(results.count == 2 && results[0] == results[1])
      #expect(caches[0].position == start)
    }
    #expect(caches[0].count < 1024 + 100 + 20 && caches[1].count == start)
  }

  @Test("an 8-bit cache stays within the rounding of its rows")
  func eightBits() {
    let x = AttentionInputs(B: 1, H: 2, T: 20, D: 16)
    var cache = KeyValueCache(elementType: .int8)
    cache.append(keys: x.k, values: x.v)
    if let keys = cache.keys { #expect(largestError(keys, float64(x.k)) < 0.02) }
    var half = KeyValueCache(elementType: .bfloat16)
    half.append(keys: x.k, values: x.v)
    if let keys = half.keys { #expect(largestError(keys, float64(x.k)) < 0.005) }
    #expect(half.keys?.elementType == .bfloat16)
  }

  @Test("a copy of a cache is a snapshot")
  func snapshot() {
    let x = AttentionInputs(B: 1, H: 1, T: 4, D: 2)
    var cache = KeyValueCache()
    cache.append(keys: x.k, values: x.v)
    let copy = cache
    cache.append(keys: x.k, values: x.v)
    cache.removeLast(1)
    #expect(copy.count == 4 && cache.count == 7)
    #expect(copy.keys.map(bits) == bits(x.k))
  }
}
