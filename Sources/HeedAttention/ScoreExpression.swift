// What is recorded is a graph of nodes, so that recording costs the same at any size, and an
// expression that is used twice is one node. Before its first use the graph is written as a list of
// steps (`ScoreProgram`). No walk recurses, so depth has no limit but memory.

import Synchronization

/// A score change that is data: operations, recorded while the program runs.
///
/// For rules that come from elsewhere, such as a node list in a model file. A rule that is known when
/// a program is written is faster as a `ScoreChange` of its own, which is compiled; the operations
/// are run once for sixteen scores, and differentiated like any other change.
///
///     let cap = ScoreExpression.score / 20
///     attention(q, k, v, rule: ScoreRule(ScoreExpression.hyperbolicTangent(cap) * 20))
///
/// What occurs several times, as the same value or written again, is computed once: `x = x + x`,
/// sixty times, is sixty additions. Two expressions are equal when they are the same operations on
/// numbers of the same bits.
///
/// - Complexity: O(1) to record an operation; O(operations) time and memory before the first score,
///   and time for each sixteen scores.
public struct ScoreExpression: ScoreChange, Hashable, ExpressibleByFloatLiteral,
  ExpressibleByIntegerLiteral
{
  private let node: Node

  private init(_ operation: ScoreOperation, _ inputs: ScoreExpression...) {
    node = Node(operation, inputs.map(\.node))
  }

  /// The score, scaled.
  public static let score = Self(.score)
  /// The number of the query, from 0.
  public static let query = Self(.query)
  /// The number of the key, from 0.
  public static let key = Self(.key)
  /// The number of the query head, from 0.
  public static let head = Self(.head)
  /// The number of the sequence in the batch, from 0.
  public static let batch = Self(.batch)
  /// A number.
  public static func constant(_ number: Float) -> Self { Self(.constant(bits: number.bitPattern)) }
  /// tanh.
  public static func hyperbolicTangent(_ inner: Self) -> Self { Self(.hyperbolicTangent, inner) }
  /// e to this power.
  public static func exponential(_ inner: Self) -> Self { Self(.exponential, inner) }
  /// The natural logarithm.
  public static func logarithm(_ inner: Self) -> Self { Self(.logarithm, inner) }
  /// The square root.
  public static func squareRoot(_ inner: Self) -> Self { Self(.squareRoot, inner) }
  /// The smaller of two.
  public static func minimum(_ left: Self, _ right: Self) -> Self { Self(.minimum, left, right) }
  /// The larger of two.
  public static func maximum(_ left: Self, _ right: Self) -> Self { Self(.maximum, left, right) }
  /// The distance from zero.
  public static func absolute(_ inner: Self) -> Self { Self(.absolute, inner) }
  /// `yes` where `left` is less than `right`, `no` elsewhere.
  public static func selection(left: Self, isLessThan right: Self, yes: Self, no: Self) -> Self {
    Self(.selection, left, right, yes, no)
  }

  /// A number.
  public init(floatLiteral value: Float) { self = .constant(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .constant(Float(value)) }

  /// Sum.
  public static func + (left: Self, right: Self) -> Self { Self(.sum, left, right) }
  /// Difference.
  public static func - (left: Self, right: Self) -> Self { Self(.difference, left, right) }
  /// Product.
  public static func * (left: Self, right: Self) -> Self { Self(.product, left, right) }
  /// Quotient.
  public static func / (left: Self, right: Self) -> Self { Self(.quotient, left, right) }

  /// The value of the expression.
  @inlinable
  public func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    withExtendedLifetime(self) { program.pointee.changed(score, at: place) }
  }

  /// The steps, for as long as the expression lives.
  @usableFromInline var program: UnsafePointer<ScoreProgram> { node.program }

  /// Whether both are the same operations.
  public static func == (left: Self, right: Self) -> Bool {
    left.node === right.node || left.program.pointee == right.program.pointee
  }

  /// Feeds the operations to `hasher`.
  public func hash(into hasher: inout Hasher) { program.pointee.hash(into: &hasher) }
}

extension ScoreExpression {
  /// One recorded operation.
  final class Node: Sendable {
    let operation: ScoreOperation
    /// Written in `init` and, when nobody else has the node any more, in `deinit`.
    nonisolated(unsafe) private(set) var inputs: [Node]
    nonisolated(unsafe) private let written = Atomic<UnsafePointer<ScoreProgram>?>(nil)

    init(_ operation: ScoreOperation, _ inputs: [Node]) {
      self.operation = operation
      self.inputs = inputs
    }

    /// The steps up to this node, written at the first call; the node frees them.
    ///
    /// A pointer, because threads that count references of one object for every sixteen scores wait
    /// for each other longer than the operations take.
    var program: UnsafePointer<ScoreProgram> {
      if let program = written.load(ordering: .acquiring) { return program }
      let program = ScoreProgram.allocate(self)
      let (_, earlier) = written.compareExchange(
        expected: nil, desired: program, ordering: .acquiringAndReleasing)
      guard let earlier else { return program }
      ScoreProgram.free(program)
      return earlier
    }

    /// Frees long chains in a loop: left to themselves, nodes would free each other in calls as deep
    /// as the chain.
    deinit {
      if let program = written.load(ordering: .acquiring) { ScoreProgram.free(program) }
      var waiting: [Node] = []
      swap(&waiting, &inputs)
      while var node = waiting.popLast() {
        guard isKnownUniquelyReferenced(&node) else { continue }
        waiting += node.inputs
        node.inputs = []
      }
    }
  }
}
