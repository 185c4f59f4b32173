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
    "up to nine rows, which read stored keys and values as they lie, have the bits of many",
    arguments: [ElementType.float32, .bfloat16], [16, 22, 72])
  func fewRows(stored: ElementType, width: Int) {
    let x = AttentionInputs(B: 2, H: 3, T: 75, S: 167, D: width, Dv: width - 6)
    let (k, v) = (x.k.converted(to: stored), x.v.converted(to: stored))
    // The same with heads side by side in memory: rows are not neighbours.
    let order = [0, 2, 1, 3]
    let apart = [k, v].map {
      $0.transposed(permutation: order).dense().transposed(permutation: order)
    }
    for precision in ProductPrecision.allCases {
      let whole = attention(x.q, k, v, mask: .causal, precision: precision)
      for rows in 1...9 {
        let last = 75 - rows..<75
        for (keys, values) in [(k, v), (apart[0], apart[1])] {
          let few = attention(
            x.q.sliced(axis: 2, range: last), keys, values, mask: .causal, precision: precision)
          #expect(bits(few) == bits(whole.sliced(axis: 2, range: last)))
        }
      }
    }
  }

  @Test("a probe changes no bit and says what each query may see, for any mask")
  func probe() {
    let shape = FusedAttentionTests.Shape(2, 2, 2, 65, 150, 16, 16)
    let x = shape.inputs
    var generator = RandomGenerator(seed: 9)
    let (bias, sinks) = (generator.normal([1, 2, 65, 150]), generator.normal([2]))
    for (name, mask) in FusedAttentionTests.masks + FusedAttentionTests.masks(of: shape) {
      let probe = AttentionProbe()
      func rich(_ probe: AttentionProbe?) -> Tensor {
        attention(
          x.q, x.k, x.v, mask: mask, bias: bias, softCap: 3, sinks: sinks,
          dropout: AttentionDropout(rate: 0.1, seed: 2), probe: probe)
      }
      #expect(bits(rich(AttentionProbe())) == bits(rich(nil)), "\(name)")
      let probed = attention(x.q, x.k, x.v, mask: mask, probe: probe)
      #expect(bits(probed) == bits(attention(x.q, x.k, x.v, mask: mask)), "\(name)")
      #expect(probe.records.count == 1)
      let cells: [Bool] = mask.visibleCells(batch: 2, heads: 2, queryCount: 65, keyCount: 150)
        .elements()
      for (row, query) in [(0, 0), (1, 0), (2, 64), (3, 30)] {
        let visible = probe.records[0].visibleKeys(batch: row / 2, head: row % 2, query: query)
        let start = (row * 65 + query) * 150
        #expect(visible == Array(cells[start..<start + 150]), "\(name)")
      }
    }
  }

  /// Everything that changes scores, by name.
  private struct Parts {
    var mask: Mask = .causal
    var bias: Tensor?
    var sinks: Tensor?
    var softCap: Float?
    var rule: ScoreRule?
    var dropout: AttentionDropout?

    func callAsFunction(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> Tensor {
      attention(
        q, k, v, mask: mask, bias: bias, softCap: softCap, sinks: sinks, dropout: dropout,
        rule: rule)
    }
  }

  private static let parts: [(String, Parts)] = {
    var generator = RandomGenerator(seed: 4)
    let rule = ScoreRule(ScoreExpression.hyperbolicTangent(.score) * 3 + .key * 0.01)
    return [
      ("window", Parts(mask: .causal & .window(left: 20, right: nil))),
      ("bias", Parts(bias: generator.normal([1, 4, 20, 1100]))),
      ("sinks and cap", Parts(sinks: generator.normal([4]), softCap: 3)),
      ("rule", Parts(rule: rule)),
      ("dropout", Parts(dropout: AttentionDropout(rate: 0.3, seed: 5))),
    ]
  }()

  @Test("threads change no bit of any part, forward and backward, with values of another width")
  func threadsOfParts() {
    let x = AttentionInputs(B: 1, H: 4, G: 2, T: 20, S: 1100, D: 16, Dv: 24)
    for (name, part) in Self.parts {
      let all = [1, 2, 3, 7].map { count in
        ThreadPool.withThreadCount(count) {
          let result = differentiated([x.q, x.k, x.v], x.upstream) { part($0[0], $0[1], $0[2]) }
          return ([result.output] + result.gradients).map(bits)
        }
      }
      for other in all.dropFirst() { #expect(other == all[0], "\(name)") }
    }
  }

  @Test("a sequence's gradients have the same bits whatever its batch neighbours are")
  func gradientsOfNeighbours() {
    // Eight key/value heads: parts do several runs of keys, which one sequence alone shares out.
    // Dropout draws by the place in the batch, so it has no part in this.
    let x = AttentionInputs(B: 4, H: 4, G: 2, T: 20, S: 1100, D: 16, Dv: 24)
    for (name, part) in Self.parts where part.dropout == nil {
      let whole = differentiated([x.q, x.k, x.v], x.upstream) { part($0[0], $0[1], $0[2]) }
      for b in 0..<4 {
        func one(_ tensor: Tensor) -> Tensor { tensor.sliced(axis: 0, range: b..<b + 1) }
        let alone = differentiated([x.q, x.k, x.v].map(one), one(x.upstream)) {
          part($0[0], $0[1], $0[2])
        }
        #expect(bits(alone.output) == bits(one(whole.output)), "\(name)")
        for (got, want) in zip(alone.gradients, whole.gradients) {
          #expect(bits(got) == bits(one(want)), "\(name)")
        }
      }
    }
  }

  @Test("pieces behind a cache give the bits of one pass, with every part")
  func piecesOfParts() {
    let x = AttentionInputs(B: 1, H: 4, G: 2, T: 20, S: 1100, D: 16, Dv: 24)
    for (name, part) in Self.parts where part.rule == nil {
      let whole = part(x.q, x.k, x.v)
      var parts: [Tensor] = []
      for range in [0..<12, 12..<19, 19..<20] {
        let keys = 0..<1080 + range.upperBound
        var piece = part
        piece.bias = part.bias?.sliced(axis: 2, range: range).sliced(axis: 3, range: keys)
        parts.append(
          piece(
            x.q.sliced(axis: 2, range: range), x.k.sliced(axis: 2, range: keys),
            x.v.sliced(axis: 2, range: keys)))
      }
      #expect(bits(Tensor(concatenating: parts, alongAxis: 2)) == bits(whole), "\(name)")
    }
  }
}
