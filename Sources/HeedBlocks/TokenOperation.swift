package import HeedAttention
package import HeedTensor

// What blocks do for a token of each of a few texts, between buffers and without tensors: the way that a
// generated token takes, with the bits of the blocks on tensors.
//
// Threads go through it side by side (`ThreadTeam`): what stands between products each does for itself, in
// memory of its own, and products and heads they share. Everything here is addresses and numbers, which
// nobody counts references to; `MemoryOwners` keep what they point to.

/// An operation for generated tokens.
enum TokenOperation: BitwiseCopyable {
  case attention(TokenSelfAttention)
  case feedForward(TokenFeedForward)

  /// What its threads read first.
  var ahead: ReadAhead {
    switch self {
    case .attention(let attention): attention.ahead
    case .feedForward(let layer): layer.ahead
    }
  }

  /// Notes what is read after it.
  mutating func precede(_ next: ReadAhead) {
    switch self {
    case .attention(var attention):
      attention.precede(next)
      self = .attention(attention)
    case .feedForward(var layer):
      layer.precede(next)
      self = .feedForward(layer)
    }
  }

  /// Bytes of working memory for `rows` tokens.
  func byteCount(rows: Int) -> Int {
    switch self {
    case .attention(let attention): attention.byteCount(rows: rows)
    case .feedForward(let layer): layer.byteCount(rows: rows)
    }
  }
}

/// What a thread has of a pass over tokens.
package struct TokenThread {
  package var member: ThreadTeam.Member
  /// Tokens, one of each text.
  package let rows: Int
  /// Precision of products.
  let precision: ProductPrecision
  package var memory: TokenMemory

  package init(
    member: ThreadTeam.Member, rows: Int, precision: ProductPrecision, memory: TokenMemory
  ) {
    self.member = member
    self.rows = rows
    self.precision = precision
    self.memory = memory
  }
}

/// What the tokens of a pass see and where they stand, in one block.
package struct TokenPlace: BitwiseCopyable {
  /// For each token; nil where a cache keeps its rows otherwise.
  var seen: UnsafePointer<CachedRows>?
  /// Angles, `angleStep` from one token to the next.
  var cosines: UnsafePointer<Float>?
  var sines: UnsafePointer<Float>?
  var angleStep = 0
  /// Whether its attention is plain.
  package var isPlain = true

  package init() {}
}

/// Working memory that is cut up from its beginning: a thread's own, and what all threads share.
package struct TokenMemory {
  private let own: UnsafeMutableRawPointer
  private let shared: UnsafeMutableRawPointer
  private var offset = 0

  /// - Parameters:
  ///   - own: the thread's own, aligned to 64.
  ///   - shared: of the same size.
  package init(own: UnsafeMutableRawPointer, shared: UnsafeMutableRawPointer) {
    self.own = own
    self.shared = shared
  }

  /// Whose a piece is.
  package enum Side { case own, shared }

  /// The bytes that pieces of these sizes take.
  static func byteCount(_ pieces: Int...) -> Int { pieces.reduce(0) { $0 + rounded($1) } }

  /// The next bytes, aligned to 64; those of the other side stay unused.
  package mutating func bytes(_ count: Int, _ side: Side = .own) -> UnsafeMutableRawPointer {
    defer { offset += Self.rounded(count) }
    return (side == .own ? own : shared) + offset
  }

  package mutating func floats(_ count: Int, _ side: Side = .own) -> UnsafeMutablePointer<Float> {
    bytes(4 * count, side).assumingMemoryBound(to: Float.self)
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}

/// A norm between buffers.
package struct TokenNorm: @unchecked Sendable, BitwiseCopyable {
  private let spec: NormSpec
  private let width: Int
  private let gain: UnsafePointer<Float>
  private let bias: UnsafePointer<Float>?

  /// Nil where gain or bias are not float32.
  package init?(_ norm: Norm, keeping owners: inout MemoryOwners) {
    guard norm.gain.elementType == .float32, norm.bias?.elementType ?? .float32 == .float32 else {
      return nil
    }
    func address(_ vector: Tensor) -> UnsafePointer<Float> {
      owners.address(of: vector.detached().dense()).assumingMemoryBound(to: Float.self)
    }
    spec = norm.spec
    width = norm.gain.count
    gain = address(norm.gain)
    bias = norm.bias.map(address)
  }

  /// What is read ahead where the norm comes before `weights`.
  package func ahead(of weights: ReadAhead) -> ReadAhead {
    weights.behind(gain: gain, bias: bias, width: width)
  }

  /// `[rows, E]` to `[rows, E]`, perhaps in place.
  package func callAsFunction(
    _ x: UnsafePointer<Float>, rows: Int, to y: UnsafeMutablePointer<Float>
  ) {
    switch spec {
    case .layerNorm(let epsilon):
      Float.layerNorm(
        rows, width, x, gain: gain, bias: bias, epsilon: Float(epsilon), y, mean: nil,
        inverse: nil)
    case .rms(let epsilon, let offset):
      Float.rmsNorm(
        rows, width, x, gain: gain, gainOffset: Float(offset), epsilon: Float(epsilon), y,
        inverse: nil)
    }
  }
}
