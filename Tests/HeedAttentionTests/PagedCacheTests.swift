import HeedAttention
import HeedTensor
import Testing

@Suite("Paged cache")
struct PagedCacheTests {
  private func rows(_ x: Tensor, _ range: Range<Int>) -> Tensor { x.sliced(axis: 2, range: range) }

  private func cache(_ x: AttentionInputs, pages: Int, size: Int) -> PagedKeyValueCache {
    PagedKeyValueCache(
      pageCount: pages, pageSize: size, headCount: x.k.shape[1], keyWidth: x.k.shape[3],
      valueWidth: x.v.shape[3])
  }

  @Test("pages of any size give the bits of one buffer", arguments: [1, 3, 16, 64])
  func sameBits(pageSize: Int) throws {
    let x = AttentionInputs(H: 4, G: 2, T: 150, D: 16, Dv: 7)
    for precision in ProductPrecision.allCases {
      let whole = attention(x.q, x.k, x.v, mask: .causal, precision: precision)
      var cache = cache(x, pages: 160, size: pageSize)
      var sequence = PagedSequence()
      var start = 0
      for count in [1, 70, 2, 77] {
        let range = start..<start + count
        try cache.append(keys: rows(x.k, range), values: rows(x.v, range), to: &sequence)
        let got = attention(rows(x.q, range), cache, [sequence], precision: precision)
        #expect(bits(got) == bits(rows(whole, range)))
        start += count
      }
    }
  }

  @Test("sequences of different lengths together give the bits of each alone")
  func batch() throws {
    let counts = [3, 130, 41]
    let inputs = counts.map { AttentionInputs(H: 2, T: $0, D: 8, seed: UInt64($0)) }
    var cache = cache(inputs[0], pages: 40, size: 5)
    var sequences: [PagedSequence] = []
    for x in inputs {
      var sequence = PagedSequence()
      try cache.append(keys: x.k, values: x.v, to: &sequence)
      sequences.append(sequence)
    }
    let last = zip(inputs, counts).map { x, count in rows(x.q, count - 3..<count) }
    let got = attention(Tensor(concatenating: last, alongAxis: 0), cache, sequences)
    for (b, x) in inputs.enumerated() {
      let want = attention(last[b], x.k, x.v, mask: .causal)
      #expect(bits(got.sliced(axis: 0, range: b..<b + 1)) == bits(want))
    }
  }

  @Test("a shared beginning is stored once, and is copied when one of the two writes into it")
  func sharing() throws {
    let x = AttentionInputs(H: 2, T: 20, D: 4)
    let other = AttentionInputs(H: 2, T: 20, D: 4, seed: 7)
    var cache = cache(x, pages: 8, size: 4)
    var first = PagedSequence()
    try cache.append(keys: rows(x.k, 0..<10), values: rows(x.v, 0..<10), to: &first)
    #expect(cache.freePageCount == 5)
    var second = cache.sharing(first, count: 9)
    #expect(cache.freePageCount == 5 && second.pages == first.pages)
    try cache.append(keys: rows(other.k, 9..<13), values: rows(other.v, 9..<13), to: &second)
    #expect(second.pages.prefix(2) == first.pages.prefix(2) && second.pages[2] != first.pages[2])
    try cache.append(keys: rows(x.k, 10..<12), values: rows(x.v, 10..<12), to: &first)

    func joined(_ a: Tensor, _ b: Tensor, _ range: Range<Int>) -> Tensor {
      rows(a, 0..<range.lowerBound).concatenated(with: rows(b, range), alongAxis: 2)
    }
    let query = rows(x.q, 12..<13)
    let want = attention(query, rows(x.k, 0..<12), rows(x.v, 0..<12), mask: .causal)
    #expect(bits(attention(query, cache, [first])) == bits(want))
    let mixed = attention(
      query, joined(x.k, other.k, 9..<13), joined(x.v, other.v, 9..<13), mask: .causal)
    #expect(bits(attention(query, cache, [second])) == bits(mixed))

    cache.remove(&first)
    #expect(bits(attention(query, cache, [second])) == bits(mixed))
    cache.remove(&second)
    #expect(cache.freePageCount == 8 && second == PagedSequence())
  }

  @Test("when pages run out nothing changes, and shortening a sequence frees some")
  func exhausted() throws {
    let x = AttentionInputs(H: 1, T: 12, D: 2)
    var cache = cache(x, pages: 2, size: 4)
    var sequence = PagedSequence()
    try cache.append(keys: rows(x.k, 0..<6), values: rows(x.v, 0..<6), to: &sequence)
    let before = sequence
    let error = #expect(throws: PagesExhausted.self) {
      try cache.append(keys: rows(x.k, 0..<3), values: rows(x.v, 0..<3), to: &sequence)
    }
    #expect(error?.needed == 1 && error?.free == 0)
    #expect(sequence == before)
    cache.removeLast(3, of: &sequence)
    #expect(cache.freePageCount == 1 && sequence.count == 3 && sequence.pages.count == 1)
  }

  @Test("what lies in unused places does not matter, even where it is no number")
  func garbage() throws {
    let x = AttentionInputs(H: 2, T: 6, D: 4)
    let poison = Tensor(repeating: Float.nan, shape: [3, 2, 4, 4])
    for precision in ProductPrecision.allCases {
      var cache = PagedKeyValueCache(keys: poison, values: poison, order: [2, 0, 1])
      var sequence = PagedSequence()
      try cache.append(keys: x.k, values: x.v, to: &sequence)
      #expect(sequence.pages == [2, 0])
      let got = attention(x.q, cache, [sequence], precision: precision)
      #expect(bits(got) == bits(attention(x.q, x.k, x.v, mask: .causal, precision: precision)))
    }
  }

  @Test("bfloat16 pages give the bits of bfloat16 tensors, and a probe sees their weights")
  func halfPrecision() throws {
    let x = AttentionInputs(H: 4, G: 2, T: 33, D: 7)
    var cache = PagedKeyValueCache(
      pageCount: 5, pageSize: 8, headCount: 2, keyWidth: 7, elementType: .bfloat16)
    var sequence = PagedSequence()
    try cache.append(keys: x.k, values: x.v, to: &sequence)
    let (k, v) = (x.k.converted(to: .bfloat16), x.v.converted(to: .bfloat16))
    let (probe, other) = (AttentionProbe(), AttentionProbe())
    let got = attention(x.q, cache, [sequence], probe: probe)
    #expect(bits(got) == bits(attention(x.q, k, v, mask: .causal, probe: other)))
    let weights = [probe, other].map { bits($0.records[0].weights(batch: 0, head: 3)) }
    #expect(weights[0] == weights[1])
  }
}
