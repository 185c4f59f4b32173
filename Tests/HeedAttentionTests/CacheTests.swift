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
