package import HeedTensor

/// What an operation does for a token of each of a few texts, between buffers and without tensors: the way
/// that a generated token takes, with the bits of the operation on tensors.
protocol TokenOperation: Sendable {
  /// What its threads read first.
  var ahead: ReadAhead { get }
  /// What is read after it.
  mutating func precede(_ next: ReadAhead)
  /// Bytes of working memory for `rows` tokens.
  func byteCount(rows: Int) -> Int
  /// - Parameters:
  ///   - x: `[rows, E]`.
  ///   - memory: working memory of `byteCount(rows:)`.
  ///   - y: `[rows, E]`, the result.
  func callAsFunction(
    _ x: UnsafePointer<Float>, rows: Int, layer: Int, context: inout BlockContext,
    memory: TokenMemory, to y: UnsafeMutablePointer<Float>
  )
}

/// Working memory that is cut up from its beginning.
package struct TokenMemory {
  private var next: UnsafeMutableRawPointer

  /// - Parameter base: aligned to 64.
  package init(_ base: UnsafeMutableRawPointer) { next = base }

  /// The bytes that pieces of these sizes take.
  static func byteCount(_ pieces: Int...) -> Int { pieces.reduce(0) { $0 + rounded($1) } }

  /// The next bytes, aligned to 64.
  package mutating func bytes(_ count: Int) -> UnsafeMutableRawPointer {
    defer { next += Self.rounded(count) }
    return next
  }

  package mutating func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
    bytes(4 * count).assumingMemoryBound(to: Float.self)
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}

/// A norm between buffers.
package struct TokenNorm: Sendable {
  private let spec: NormSpec
  /// `[E]`.
  private let gain: Tensor
  private let bias: Tensor?

  /// Nil where gain or bias are not float32.
  package init?(_ norm: Norm) {
    guard norm.gain.elementType == .float32, norm.bias?.elementType ?? .float32 == .float32 else {
      return nil
    }
    spec = norm.spec
    gain = norm.gain.detached().dense()
    bias = norm.bias?.detached().dense()
  }

  /// What is read ahead where the norm comes before `weights`.
  package func ahead(of weights: ReadAhead) -> ReadAhead { weights.behind(gain: gain, bias: bias) }

  /// `[rows, E]` to `[rows, E]`, perhaps in place.
  package func callAsFunction(
    _ x: UnsafePointer<Float>, rows: Int, to y: UnsafeMutablePointer<Float>
  ) {
    let (width, gain) = (gain.count, gain.pointer(to: Float.self))
    switch spec {
    case .layerNorm(let epsilon):
      Float.layerNorm(
        rows, width, x, gain: gain, bias: bias?.pointer(to: Float.self), epsilon: Float(epsilon), y,
        mean: nil, inverse: nil)
    case .rms(let epsilon, let offset):
      Float.rmsNorm(
        rows, width, x, gain: gain, gainOffset: Float(offset), epsilon: Float(epsilon), y,
        inverse: nil)
    }
  }
}
