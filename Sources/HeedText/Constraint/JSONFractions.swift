// Decimal numbers between bounds, as digits without an exponent. The whole part decides, but where it is
// that of a bound: there the digits behind the point are compared with the bound's, one by one, a missing
// digit being a zero.

import HeedFormats

/// Numbers with fractions between bounds.
struct JSONFractions {
  private let least: Bound?
  private let most: Bound?

  /// A bound as its digits.
  private struct Bound {
    var isNegative: Bool
    var whole: Int
    /// Behind the point, without zeros at the end.
    var digits: [UInt8]
    /// Whether the bound itself is left out.
    var isOut: Bool

    var isZero: Bool { whole == 0 && digits.isEmpty }
    var negated: Bound {
      Bound(isNegative: !isNegative, whole: whole, digits: digits, isOut: isOut)
    }
  }

  /// - Throws: `FormatError` for a bound of more than 15 digits.
  init(
    least: Double?, isLeastOut: Bool, most: Double?, isMostOut: Bool, place: String
  ) throws(FormatError) {
    func bound(_ value: Double?, _ isOut: Bool) throws(FormatError) -> Bound? {
      guard let value else { return nil }
      let parts = "\(abs(value))".split(separator: ".").map(String.init)
      guard let whole = parts.first.flatMap({ Int($0) }), whole < 1_000_000_000_000_000,
        let digits = parts.dropFirst().first, digits.allSatisfy(\.isNumber)
      else {
        throw FormatError(
          .limit, what: "the bound \(value)", place: "JSON schema, \(place)",
          expected: "at most \(JSONNumbers.digitLimit) digits")
      }
      var behind = Array(digits.utf8)
      while behind.last == Self.zero { behind.removeLast() }
      return Bound(isNegative: value < 0, whole: whole, digits: behind, isOut: isOut)
    }
    self.least = try bound(least, isLeastOut)
    self.most = try bound(most, isMostOut)
  }

  private static let zero = UInt8(ascii: "0")
  private static let nine = UInt8(ascii: "9")
  private static let wholeLimit = 999_999_999_999_999

  func node() throws(FormatError) -> ConstraintNode {
    var choices: [ConstraintNode] = []
    // Below zero the bounds change their places; -0 is written as 0.
    if least?.isNegative ?? true {
      let low = (most?.isNegative ?? false) ? most?.negated : nil
      let above = low ?? Bound(isNegative: false, whole: 0, digits: [], isOut: true)
      choices.append(.sequence([.text("-"), Self.between(above, least?.negated)]))
    }
    if !(most?.isNegative ?? false) {
      let low = (least?.isNegative ?? true) ? nil : least
      choices.append(Self.between(low, most))
    }
    return .choice(choices)
  }

  /// Numbers from `low` (0 when nil) to `high`, neither below zero.
  private static func between(_ low: Bound?, _ high: Bound?) -> ConstraintNode {
    let first = low?.whole ?? 0
    let last = high?.whole ?? wholeLimit
    func text(_ whole: Int, _ low: Bound?, _ high: Bound?) -> ConstraintNode {
      .sequence([.text("\(whole)"), fraction(low, high)])
    }
    if first == last { return text(first, low, high) }
    var choices = [text(first, low, nil)]
    if last - first > 1 {
      choices.append(
        .sequence([
          JSONNumbers.between(first + 1, high == nil ? last : last - 1), fraction(nil, nil),
        ]))
    }
    if let high { choices.append(text(last, nil, high)) }
    return .choice(choices)
  }

  /// What may stand behind a whole part: nothing, or a point and digits, between those of the bounds.
  private static func fraction(_ low: Bound?, _ high: Bound?) -> ConstraintNode {
    let some = ConstraintNode.sequence([
      .text("."),
      digits(
        low.map { ($0.digits, $0.isOut) }, high.map { ($0.digits, $0.isOut) },
        isFirst: true),
    ])
    let isAllowed = fits(low.map { ($0.digits, $0.isOut) }, high.map { ($0.digits, $0.isOut) })
    return isAllowed ? .choice([.empty, some]) : some
  }

  /// Whether no more digits, which are zeros, lie between what is left of the bounds.
  private static func fits(_ low: Rest?, _ high: Rest?) -> Bool {
    (low.map { $0.digits.isEmpty && !$0.isOut } ?? true)
      && (high.map { !$0.digits.isEmpty || !$0.isOut } ?? true)
  }

  /// The digits of a bound that were not compared yet.
  private typealias Rest = (digits: [UInt8], isOut: Bool)

  /// Digits between bounds whose digits were the same so far.
  private static func digits(_ low: Rest?, _ high: Rest?, isFirst: Bool) -> ConstraintNode {
    let any = JSONNumbers.digits(isFirst ? 1 : 0, JSONNumbers.digitLimit)
    // A lower bound without digits is met by all but, where it is out, zeros alone.
    let low = low.flatMap { $0.digits.isEmpty && !$0.isOut ? nil : $0 }
    if low == nil, high == nil { return any }
    var choices: [ConstraintNode] = []
    if !isFirst, fits(low, high) { choices.append(.empty) }
    let bottom = low.map { $0.digits.first ?? zero } ?? zero
    let top = high.map { $0.digits.first ?? zero } ?? nine
    func rest(_ bound: Rest?) -> Rest? { bound.map { (Array($0.digits.dropFirst()), $0.isOut) } }
    for digit in bottom...max(bottom, top) where digit <= top {
      let nextLow = low != nil && digit == bottom ? rest(low) : nil
      let nextHigh = high != nil && digit == top ? rest(high) : nil
      let isOpen = nextLow == nil && nextHigh == nil
      // Zeros for ever lead nowhere new.
      let isLoop =
        digit == zero && (low?.digits.isEmpty ?? true) && (high?.digits.isEmpty ?? true)
      let tail: ConstraintNode =
        isOpen
        ? JSONNumbers.digits(0, JSONNumbers.digitLimit)
        : isLoop ? zeros(nextLow, nextHigh) : digits(nextLow, nextHigh, isFirst: false)
      choices.append(.sequence([.literal([digit]), tail]))
    }
    return .choice(choices)
  }

  /// What may follow zeros where the bounds have no digits left: zeros, and, above a lower bound that is
  /// out, something behind them.
  private static func zeros(_ low: Rest?, _ high: Rest?) -> ConstraintNode {
    let more = ConstraintNode.repeated(
      .literal([zero]), separator: nil, least: 0, most: JSONNumbers.digitLimit)
    if high != nil { return low == nil && fits(nil, high) ? more : .choice([]) }
    return .sequence([
      more, .ascii("123456789"), JSONNumbers.digits(0, JSONNumbers.digitLimit),
    ])
  }
}
