/// A score change that is data: a tree of operations, made while the program runs.
///
/// For rules that come from elsewhere, such as a node list in a model file. A rule that is known when
/// a program is written is faster as a `ScoreChange` of its own, which is compiled; the tree is walked
/// once for sixteen scores, and differentiated like any other change.
///
///     let cap = ScoreExpression.score / 20
///     attention(q, k, v, rule: ScoreRule(ScoreExpression.hyperbolicTangent(cap) * 20))
public indirect enum ScoreExpression: ScoreChange, Hashable, ExpressibleByFloatLiteral,
  ExpressibleByIntegerLiteral
{
  /// The score, scaled.
  case score
  /// The number of the query, from 0.
  case query
  /// The number of the key, from 0.
  case key
  /// The number of the query head, from 0.
  case head
  /// The number of the sequence in the batch, from 0.
  case batch
  /// A number.
  case constant(Float)
  /// Left plus right.
  case sum(ScoreExpression, ScoreExpression)
  /// Left minus right.
  case difference(ScoreExpression, ScoreExpression)
  /// Left times right.
  case product(ScoreExpression, ScoreExpression)
  /// Left over right.
  case quotient(ScoreExpression, ScoreExpression)
  /// tanh.
  case hyperbolicTangent(ScoreExpression)
  /// e to this power.
  case exponential(ScoreExpression)
  /// The natural logarithm.
  case logarithm(ScoreExpression)
  /// The square root.
  case squareRoot(ScoreExpression)
  /// The smaller of two.
  case minimum(ScoreExpression, ScoreExpression)
  /// The larger of two.
  case maximum(ScoreExpression, ScoreExpression)
  /// The distance from zero.
  case absolute(ScoreExpression)
  /// `yes` where `left` is less than `right`, `no` elsewhere.
  case selection(
    left: ScoreExpression, isLessThan: ScoreExpression, yes: ScoreExpression, no: ScoreExpression)

  /// A number.
  public init(floatLiteral value: Float) { self = .constant(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .constant(Float(value)) }

  /// Sum.
  public static func + (left: Self, right: Self) -> Self { .sum(left, right) }
  /// Difference.
  public static func - (left: Self, right: Self) -> Self { .difference(left, right) }
  /// Product.
  public static func * (left: Self, right: Self) -> Self { .product(left, right) }
  /// Quotient.
  public static func / (left: Self, right: Self) -> Self { .quotient(left, right) }

  /// The value of the tree.
  public func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    func value(_ expression: ScoreExpression) -> S { expression.changed(score, at: place) }
    return switch self {
    case .score: score
    case .query: place.query
    case .key: place.key
    case .head: S(Float(place.head))
    case .batch: S(Float(place.batch))
    case .constant(let number): S(number)
    case .sum(let left, let right): value(left) + value(right)
    case .difference(let left, let right): value(left) - value(right)
    case .product(let left, let right): value(left) * value(right)
    case .quotient(let left, let right): value(left) / value(right)
    case .hyperbolicTangent(let inner): value(inner).hyperbolicTangent
    case .exponential(let inner): value(inner).exponential
    case .logarithm(let inner): value(inner).logarithm
    case .squareRoot(let inner): value(inner).squareRoot
    case .minimum(let left, let right): value(left).minimum(value(right))
    case .maximum(let left, let right): value(left).maximum(value(right))
    case .absolute(let inner): value(inner).absolute
    case .selection(let left, let right, let yes, let no):
      value(left).selecting(value(yes), whereLessThan: value(right), otherwise: value(no))
    }
  }
}
