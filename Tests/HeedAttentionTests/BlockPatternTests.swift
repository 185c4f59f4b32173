import HeedAttention
import HeedTensor
import Synchronization
import Testing

@Suite("Block patterns")
struct BlockPatternTests {
  /// Rules with empty, full and mixed tiles, odd and even, with and without heads.
  static let rules: [(String, @Sendable (Int, Int, Int, Int) -> Bool)] = [
    ("strided", { _, _, query, key in key <= query && (query - key) % 64 < 8 }),
    ("far blocks", { _, _, query, key in (query / 70 + key / 140) % 2 == 0 }),
    ("by head", { _, head, query, key in key / 128 == (query / 64 + head) % 3 }),
    ("by sequence", { batch, _, query, key in abs(query - key) < 60 * (batch + 1) }),
    ("nothing", { _, _, _, _ in false }), ("everything", { _, _, _, _ in true }),
    ("crumbs", { _, _, query, key in (query * 31 + key * 17) % 11 == 0 }),
  ]

  @Test("a pattern has the bits of the dense mask, forward and backward", arguments: [(70, 300)])
  func sameBits(T: Int, S: Int) {
    let x = AttentionInputs(B: 2, H: 4, G: 2, T: T, S: S, D: 8)
    for (name, rule) in Self.rules {
      let cells = (0..<2 * 4 * T * S).map { i in
        rule(i / S / T / 4, i / S / T % 4, i / S % T, i % S)
      }
      let dense = Mask.dense(Tensor(cells, shape: [2, 4, T, S]))
      let pattern = BlockPattern(
        .predicate(rule), batchCount: 2, headCount: 4, queryCount: T, keyCount: S)
      for (a, b) in [
        (Mask.blocks(pattern), dense), (.blocks(pattern) & .causal, dense & .causal),
        (.blocks(pattern) | .causal, dense | .causal),
      ] {
        let got = differentiated([x.q, x.k, x.v], x.upstream) {
          attention($0[0], $0[1], $0[2], mask: a)
        }
        let want = differentiated([x.q, x.k, x.v], x.upstream) {
          attention($0[0], $0[1], $0[2], mask: b)
        }
        #expect(bits(got.output) == bits(want.output), "\(name)")
        for (a, b) in zip(got.gradients, want.gradients) {
          #expect(bits(a) == bits(b), "\(name)")
        }
      }
    }
  }

  @Test("every tile is what its cells say, whatever the mask")
  func tiles() {
    let (T, S) = (200, 333)
    let masks =
      FusedAttentionTests.masks + [
        ("lengths", .keyLengths([130]) & .queryLengths([100])),
        ("prefix", .prefix([140]) | .causal),
        ("ragged", .causal(.lengths([257]))),
      ]
    for (name, mask) in masks {
      let pattern = BlockPattern(mask, headCount: 2, queryCount: T, keyCount: S)
      let cells = mask.visibleCells(batch: 1, heads: 2, queryCount: T, keyCount: S)
        .elements(as: Bool.self)
      for head in 0..<2 {
        for query in stride(from: 0, to: T, by: 64) {
          for key in stride(from: 0, to: S, by: 128) {
            let end = min(key + 128, S)
            var tile: [Bool] = []
            for t in query..<min(query + 64, T) {
              let row = (head * T + t) * S
              tile += cells[row + key..<row + end]
            }
            let want: BlockPattern.Coverage =
              !tile.contains(true) ? .empty : !tile.contains(false) ? .full : .mixed
            let got = pattern.coverage(batch: 0, head: head, query: query, key: key)
            #expect(got == want, "\(name) \(query) \(key)")
          }
        }
      }
    }
  }

  @Test("only mixed tiles are asked about cells")
  func questions() {
    final class Count: Sendable {
      let value = Atomic<Int>(0)
    }
    let count = Count()
    // Tiles on the diagonal are mixed, the others empty or full.
    let mask = Mask.predicate { _, _, query, key in
      count.value.add(1, ordering: .relaxed)
      return key <= query
    }
    let (T, S) = (512, 512)
    let pattern = BlockPattern(mask, queryCount: T, keyCount: S)
    #expect(pattern.count(of: .mixed) == 8)
    #expect(pattern.count(of: .empty) == 12 && pattern.count(of: .full) == 12)
    let x = AttentionInputs(B: 1, H: 1, T: T, D: 8)
    count.value.store(0, ordering: .relaxed)
    let got = attention(x.q, x.k, x.v, mask: .blocks(pattern))
    #expect(count.value.load(ordering: .relaxed) == 8 * 64 * 128)
    #expect(bits(got) == bits(attention(x.q, x.k, x.v, mask: .causal)))
  }

  @Test("queries of a sequence see up to its own length")
  func lengths() {
    let x = AttentionInputs(B: 2, H: 2, T: 5, S: 40, D: 8)
    let got = attention(x.q, x.k, x.v, mask: .causal(.lengths([40, 17])))
    for (b, length) in [40, 17].enumerated() {
      func one(_ x: Tensor, _ count: Int) -> Tensor {
        x.sliced(axis: 0, range: b..<b + 1).sliced(axis: 2, range: 0..<count)
      }
      let want = attention(one(x.q, 5), one(x.k, length), one(x.v, length), mask: .causal)
      #expect(bits(got.sliced(axis: 0, range: b..<b + 1)) == bits(want))
    }
  }
}
