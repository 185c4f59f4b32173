import HeedAttention
import HeedTensor
import Testing

@Suite struct CacheTests {
  @Test("a cache makes room once for the keys that it expects, and holds more than them")
  func expected() {
    func rows(_ count: Int, _ first: Int) -> Tensor {
      Tensor((0..<count * 4).map { Float(first + $0 / 4) }, shape: [1, 1, count, 4])
    }
    var cache = KeyValueCache()
    cache.expect(150)
    cache.append(keys: rows(10, 0), values: rows(10, 0))
    let place = cache.keys?.rawPointer
    for at in 10..<150 { cache.append(keys: rows(1, at), values: rows(1, at)) }
    #expect(cache.keys?.rawPointer == place)
    for at in 150..<400 { cache.append(keys: rows(1, at), values: rows(1, at)) }
    #expect(cache.keys?.elements() == rows(400, 0).elements() as [Float])
    #expect(cache.values?.elements() == rows(400, 0).elements() as [Float])
    // What nobody could mean makes no room.
    var far = KeyValueCache()
    far.expect(.max)
    far.append(keys: rows(1, 0), values: rows(1, 0))
    far.expect(-1)
    far.append(keys: rows(1, 1), values: rows(1, 1))
    #expect(far.count == 2)
  }

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

  @Test(
    "what was in a cache's memory before changes no bit, for odd numbers of keys too",
    arguments: [.float32, .bfloat16, .int8] as [ElementType])
  func dirtyMemory(elementType: ElementType) {
    let x = AttentionInputs(B: 1, H: 2, T: 200, D: 64)
    func outputs() -> [[UInt32]] {
      var cache = KeyValueCache(elementType: elementType)
      return [0..<3, 3..<70, 70..<71, 71..<199, 199..<200].map { range in
        let part = [x.q, x.k, x.v].map { $0.sliced(axis: 2, range: range) }
        cache.append(keys: part[1], values: part[2])
        return bits(attention(part[0], cache, mask: .causal))
      }
    }
    let clean = outputs()
    // Buffers of every size that the cache asks for, and those that small ones share, full of not-a-numbers, wait to be used again.
    let sizes =
      [64, 128, 256].flatMap { keys in [4, 2, 1].map { 2 * keys * 64 * $0 / 4 } } + [1 << 20]
    for size in sizes { _ = (0..<4).map { _ in Tensor(repeating: Float.nan, shape: [size]) } }
    #expect(outputs() == clean)
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

  @Test("attention over an 8-bit cache has the bits of attention over the numbers it stands for")
  func eightBitsInPlace() {
    // One row, several, more rows than a tile; a window that has moved; odd widths.
    let x = AttentionInputs(B: 2, H: 4, G: 2, T: 200, D: 13, Dv: 7)
    var generator = RandomGenerator(seed: 2)
    let bias = generator.normal([1, 4, 1, 90])
    for precision in ProductPrecision.allCases {
      for count in [1, 5, 80] {
        var cache = KeyValueCache(policy: .window(90), elementType: .int8)
        for start in [0, 80, 130] {
          let range = start..<(start == 80 ? 130 : min(start + 80, 200))
          cache.append(
            keys: x.k.sliced(axis: 2, range: range), values: x.v.sliced(axis: 2, range: range))
        }
        guard let keys = cache.keys, let values = cache.values else { continue }
        let q = x.q.sliced(axis: 2, range: 200 - count..<200)
        let probe = AttentionProbe()
        let got = attention(
          q, cache, bias: bias, softCap: 5, precision: precision, probe: probe)
        let other = AttentionProbe()
        let want = attention(
          q, keys, values, mask: .causal, bias: bias, softCap: 5, precision: precision,
          probe: other)
        #expect(bits(got) == bits(want))
        let weights = [probe, other].map { bits($0.records[0].weights(batch: 1, head: 3)) }
        #expect(weights[0] == weights[1])
      }
    }
  }

  @Test("a row that a bias swallows is the mean of the stored values")
  func swallowed() {
    let x = AttentionInputs(H: 1, T: 9, D: 4)
    var cache = KeyValueCache(elementType: .int8)
    cache.append(keys: x.k, values: x.v)
    let bias = Tensor(repeating: -Float.greatestFiniteMagnitude, shape: [1, 1, 1, 9])
    let got = attention(x.q.sliced(axis: 2, range: 8..<9), cache, bias: bias)
    let want = cache.values.map { float64($0).mean(alongAxes: [2], keepingRank: true) }
    #expect(want.map { largestError(got, $0) < 1e-6 } == true)
  }

  @Test("rows are written from a place of their own, around the end of a ring")
  func scatter() {
    let cache = Tensor((0..<16).map(Float.init), shape: [2, 1, 4, 2])
    let update = Tensor((0..<8).map { Float(100 + $0) }, shape: [2, 1, 2, 2])
    let ring = cache.writingRows(of: update, at: [3, 1], isCircular: true)
    #expect(
      ring.elements(as: Float.self)
        == [102, 103, 2, 3, 4, 5, 100, 101, 8, 9, 104, 105, 106, 107, 14, 15])
    let line = cache.writingRows(of: update, at: [2, 0])
    #expect(
      line.elements(as: Float.self)
        == [0, 1, 2, 3, 100, 101, 102, 103, 104, 105, 106, 107, 12, 13, 14, 15])
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

  private func filled(_ cache: KeyValueCache, _ x: AttentionInputs, _ count: Int) -> KeyValueCache {
    var cache = cache
    cache.append(
      keys: x.k.sliced(axis: 2, range: 0..<count), values: x.v.sliced(axis: 2, range: 0..<count))
    return cache
  }

  private static let kinds: [KeyValueCache] = [
    KeyValueCache(), KeyValueCache(elementType: .bfloat16), KeyValueCache(elementType: .int8),
    KeyValueCache(policy: .sliding(window: 9)), KeyValueCache(policy: .window(9)),
  ]

  @Test("a cache that is taken back goes on as if it had never gone further", arguments: kinds)
  func truncated(kind: KeyValueCache) {
    let x = AttentionInputs(B: 1, H: 2, T: 40, D: 8)
    for count in [0, 1, 7, 30] {
      var (long, short) = (filled(kind, x, 30), filled(kind, x, count))
      guard long.canTruncate(to: count) else {
        // What a window has forgotten cannot come back.
        #expect(kind.policy == .window(9) && count < 30)
        continue
      }
      long.truncate(to: count)
      #expect(long.position == count && long.count == short.count)
      long.append(
        keys: x.k.sliced(axis: 2, range: 30..<35), values: x.v.sliced(axis: 2, range: 30..<35))
      short.append(
        keys: x.k.sliced(axis: 2, range: 30..<35), values: x.v.sliced(axis: 2, range: 30..<35))
      #expect(
        long.tensors.mapValues { float32Bits($0) } == short.tensors.mapValues { float32Bits($0) })
    }
    #expect(!kind.canTruncate(to: 1) && !kind.canTruncate(to: -1))
  }

  @Test("a sliding cache refuses to go back behind what it has forgotten")
  func forgotten() {
    let x = AttentionInputs(B: 1, H: 1, T: 2200, D: 4)
    var cache = filled(KeyValueCache(policy: .sliding(window: 10)), x, 2190)
    cache.append(
      keys: x.k.sliced(axis: 2, range: 2190..<2191), values: x.v.sliced(axis: 2, range: 2190..<2191)
    )
    #expect(cache.count < 2191)
    #expect(!cache.canTruncate(to: 1000) && cache.canTruncate(to: 2190))
  }

  @Test("rows of a cache can be reordered, left out and taken twice", arguments: kinds)
  func reordered(kind: KeyValueCache) {
    let x = AttentionInputs(B: 3, H: 2, T: 20, D: 8)
    let cache = filled(kind, x, 20)
    let order = [2, 0, 0, 1]
    let moved = cache.reordered(order)
    for (place, row) in order.enumerated() {
      for (name, tensor) in moved.tensors {
        let want = cache.tensors[name]?.sliced(axis: 0, range: row..<row + 1)
        #expect(
          want.map { float32Bits($0) }
            == float32Bits(tensor.sliced(axis: 0, range: place..<place + 1)))
      }
    }
    #expect(moved.position == 20 && kind.reordered([0]).count == 0)
  }

  @Test("what a cache gives as tensors restores it; what does not fit is refused", arguments: kinds)
  func restored(kind: KeyValueCache) throws {
    let x = AttentionInputs(B: 1, H: 2, T: 30, D: 8)
    let cache = filled(kind, x, 25)
    let again = try #require(kind.restored(from: cache.tensors, position: 25))
    #expect(again.count == cache.count && again.position == 25)
    #expect(
      again.tensors.mapValues { float32Bits($0) } == cache.tensors.mapValues { float32Bits($0) })
    #expect(kind.restored(from: [:], position: 0)?.count == 0)
    #expect(kind.restored(from: [:], position: 3) == nil)
    #expect(kind.restored(from: cache.tensors, position: 3) == nil)
    var wrong = cache.tensors
    wrong["values"] = nil
    #expect(kind.restored(from: wrong, position: 25) == nil)
    wrong["values"] = Tensor(zeros: [1, 2, 3, 8], kind.elementType)
    #expect(kind.restored(from: wrong, position: 25) == nil)
  }

  private func float32Bits(_ tensor: Tensor) -> [UInt32] {
    tensor.converted(to: .float32).elements(as: Float.self).map(\.bitPattern)
  }
}
