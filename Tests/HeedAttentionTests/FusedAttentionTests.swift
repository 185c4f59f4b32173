import HeedAttention
import HeedTensor
import Testing

/// Float32 against the slow twin in float64: rounding of sums of up to some hundred terms.
private let roundingTolerance = 4e-6
/// Products of factors rounded to 8 bits.
private let bfloat16Tolerance = 3e-2

@Suite struct FusedAttentionTests {
  struct Shape: Sendable, CustomStringConvertible {
    let (B, H, G, T, S, D, Dv): (Int, Int, Int, Int, Int, Int, Int)
    init(_ B: Int, _ H: Int, _ G: Int, _ T: Int, _ S: Int, _ D: Int, _ Dv: Int) {
      (self.B, self.H, self.G, self.T, self.S, self.D, self.Dv) = (B, H, G, T, S, D, Dv)
    }
    var description: String { "B\(B) H\(H) G\(G) T\(T) S\(S) D\(D) Dv\(Dv)" }
    var inputs: AttentionInputs { AttentionInputs(B: B, H: H, G: G, T: T, S: S, D: D, Dv: Dv) }
  }

  static let shapes = [
    Shape(1, 1, 1, 1, 1, 1, 1), Shape(1, 2, 2, 2, 3, 2, 7), Shape(2, 2, 1, 7, 7, 13, 16),
    Shape(1, 4, 2, 13, 17, 16, 3), Shape(1, 2, 2, 65, 65, 64, 64), Shape(1, 2, 1, 17, 130, 33, 17),
    Shape(1, 1, 1, 130, 130, 8, 64),
  ]

  static let masks: [(String, Mask)] = [
    ("none", .none), ("causal", .causal), ("top-left causal", .causal(.start)),
    ("window", .window(left: 3, right: 2)),
    ("causal window", .causal & .window(left: 4, right: nil)),
    ("chunks", .chunks(of: 5) & .causal),
    ("predicate", .predicate { _, head, query, key in (query + key + head) % 3 != 0 }),
    ("either", .causal | .window(left: nil, right: 2)),
  ]

  /// Masks that belong to a shape: lengths, documents, cells.
  static func masks(of shape: Shape) -> [(String, Mask)] {
    let (B, H, T, S) = (shape.B, shape.H, shape.T, shape.S)
    let lengths = (0..<B).map { max(1, S - 2 * $0 - 1) }
    let cells = (0..<B * H * T * S).map { $0 % 5 != 0 && $0 / S % 7 != 3 }
    let isOdd: @Sendable (Int, Int, Int, Int) -> Bool = { batch, head, query, key in
      (key / 60 + query / 40 + head + batch) % 2 == 0
    }
    func documents(_ count: Int) -> [[Int]] {
      (0..<B).map { row in (0..<count).map { ($0 + row) * 3 / count } }
    }
    let ends = [0, S / 3, S]
    return [
      ("key lengths", .keyLengths(lengths)),
      ("query lengths", .queryLengths((0..<B).map { T - $0 })),
      ("prefix", .prefix(lengths.map { $0 / 2 }) | .causal),
      ("documents", .documents(queries: documents(T), keys: documents(S)) & .causal),
      (
        "mixed documents",
        .documents(
          queries: documents(T), keys: (0..<B).map { _ in (0..<S).map { $0 % 3 } })
      ),
      ("packed", .packedDocuments(queries: [0, T / 2, T], keys: ends)),
      ("packed causal", .packedDocuments(queries: [0, T / 2, T], keys: ends, right: 0)),
      ("packed window", .packedDocuments(queries: [0, T / 2, T], keys: ends, left: 2, right: 1)),
      ("ragged causal", .causal(.lengths(lengths))),
      ("window at the start", .window(left: 2, right: 3, alignment: .start)),
      ("ragged window", .window(left: 3, right: nil, alignment: .lengths(lengths))),
      ("dense", .dense(Tensor(cells, shape: [B, H, T, S]))),
      ("dense for all heads", .dense(Tensor((0..<S).map { $0 % 4 != 1 }, shape: [1, 1, 1, S]))),
      (
        "blocks",
        .blocks(
          BlockPattern(
            .predicate(isOdd), batchCount: B, headCount: H, queryCount: T, keyCount: S))
      ),
    ]
  }

  @Test("the fused forward and backward equal the slow twin", arguments: shapes)
  func equalsReference(shape: Shape) {
    let x = shape.inputs
    for (name, mask) in Self.masks + Self.masks(of: shape) {
      let fused = differentiated([x.q, x.k, x.v], x.upstream) {
        attention($0[0], $0[1], $0[2], mask: mask)
      }
      let slow = differentiated([x.q, x.k, x.v].map(float64), float64(x.upstream)) {
        referenceAttention($0[0], $0[1], $0[2], mask: mask).output
      }
      #expect(largestError(fused.output, slow.output) < roundingTolerance, "\(name)")
      for (a, b) in zip(fused.gradients, slow.gradients) {
        #expect(largestError(a, b) < roundingTolerance, "\(name)")
      }
    }
  }

  @Test("bfloat16 products stay near the slow twin", arguments: shapes)
  func halfPrecision(shape: Shape) {
    let x = shape.inputs
    let fused = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], mask: .causal, precision: .bfloat16)
    }
    let slow = differentiated([x.q, x.k, x.v].map(float64), float64(x.upstream)) {
      referenceAttention($0[0], $0[1], $0[2], mask: .causal).output
    }
    #expect(largestError(fused.output, slow.output) < bfloat16Tolerance)
    for (a, b) in zip(fused.gradients, slow.gradients) {
      #expect(largestError(a, b) < 3 * bfloat16Tolerance)
    }
  }

  @Test(
    "soft cap, bias, ALiBi and sinks have the gradients of the slow twin together, for any mask")
  func partsTogether() {
    let shape = Shape(2, 4, 2, 17, 33, 16, 12)
    let x = shape.inputs
    var generator = RandomGenerator(seed: 9)
    let bias = generator.normal([1, 4, 17, 33])
    let slopes = Tensor(alibiSlopes(headCount: 4))
    let sinks = generator.normal([4])
    let inputs = [x.q, x.k, x.v, bias, slopes, sinks]
    for (name, mask) in Self.masks + Self.masks(of: shape) {
      let fused = differentiated(inputs, x.upstream) {
        attention(
          $0[0], $0[1], $0[2], mask: mask, bias: $0[3], alibi: $0[4], softCap: 2, sinks: $0[5])
      }
      let slow = differentiated(inputs.map(float64), float64(x.upstream)) {
        referenceAttention(
          $0[0], $0[1], $0[2], mask: mask, bias: $0[3], alibi: $0[4], softCap: 2, sinks: $0[5]
        ).output
      }
      #expect(largestError(fused.output, slow.output) < roundingTolerance, "\(name)")
      for (a, b) in zip(fused.gradients, slow.gradients) {
        #expect(largestError(a, b) < 10 * roundingTolerance, "\(name)")
      }
    }
  }
}
