// Multiples of a number as digits. A step is m * 10^e with m that does not end in zero. While digits of
// x come one after the other, what is left of x by m is all that has to be known: another digit d makes r
// to (10 r + d) mod m. Behind the point it goes on so, and with i of p digits x is a multiple of m / 10^p
// where m divides r * 10^(p - i). With e over 0 a multiple of m has e zeros behind it.

import HeedFormats

/// The decimal texts, without a sign and an exponent, of the multiples of a step.
struct JSONMultiples {
  /// m.
  private let factor: Int
  /// e.
  private let exponent: Int
  private let place: String

  /// More states than the digits of such a factor take would be too many beside others.
  private static let factorLimit = 4096
  private static let exponentLimit = 9

  /// - Throws: `FormatError` for a step whose m is over 4,096 or whose e is not from -9 to 9.
  init(of step: Double, place: String) throws(FormatError) {
    func limit() -> FormatError {
      FormatError(
        .limit, what: "multipleOf \(step)", place: "JSON schema, \(place)/multipleOf",
        expected: "a whole number up to \(Self.factorLimit) times a power of ten from "
          + "1e-\(Self.exponentLimit) to 1e\(Self.exponentLimit)")
    }
    let decimal = JSONDecimal(.number(step))
    guard let factor = Int(exactly: decimal.significand),
      (1...Self.factorLimit).contains(factor), abs(decimal.exponent) <= Self.exponentLimit
    else { throw limit() }
    (self.factor, exponent, self.place) = (factor, decimal.exponent, place)
  }

  func node() throws(FormatError) -> ConstraintNode {
    .automaton(
      try ByteAutomaton(
        arrows: arrows, free: free, start: 0, end: 1, place: "JSON schema, \(place)"))
  }

  /// p, digits behind the point.
  private var decimals: Int { max(0, -exponent) }

  // States: the start, the end, a zero before the point, then with each remainder: digits before the
  // point, the point, one digit behind it, two, ... and at last the zeros at the end.
  private func whole(_ remainder: Int) -> Int { 3 + remainder }
  private func point(_ remainder: Int, _ digits: Int) -> Int {
    3 + (1 + digits) * factor + remainder
  }
  private var zeros: Int { 3 + (decimals == 0 ? 1 : decimals + 2) * factor }
  private var stateCount: Int { zeros + max(0, exponent - 1) }

  private var arrows: [[ByteAutomaton.Arrow]] {
    var arrows = [[ByteAutomaton.Arrow]](repeating: [], count: stateCount)
    func add(_ state: Int, _ byte: UInt8, _ target: Int) {
      arrows[state].append(ByteAutomaton.Arrow(bytes: byte...byte, target: target))
    }
    func addDigits(_ state: Int, from first: Int = 0, _ remainder: Int, _ next: (Int) -> Int) {
      for digit in first...9 {
        add(state, UInt8(48 + digit), next((10 * remainder + digit) % factor))
      }
    }
    add(0, 48, 2)
    addDigits(0, from: 1, 0, whole)
    for remainder in 0..<factor { addDigits(whole(remainder), remainder, whole) }
    if decimals > 0 {
      add(2, UInt8(ascii: "."), point(0, 0))
      for remainder in 0..<factor {
        add(whole(remainder), UInt8(ascii: "."), point(remainder, 0))
        for digits in 0..<decimals {
          addDigits(point(remainder, digits), remainder) { point($0, digits + 1) }
        }
      }
    }
    if exponent > 0 {
      let path = [whole(0)] + (0..<exponent - 1).map { zeros + $0 } + [1]
      for (state, next) in zip(path, path.dropFirst()) { add(state, 48, next) }
    }
    return arrows
  }

  private var free: [[Int]] {
    var free = [[Int]](repeating: [], count: stateCount)
    free[2] = [1]
    if exponent > 0 { return free }
    var power = 1  // 10^(p - i) mod m
    for digits in (0...decimals).reversed() {
      for remainder in 0..<factor where remainder * power % factor == 0 {
        free[digits == 0 ? whole(remainder) : point(remainder, digits)].append(1)
      }
      power = power * 10 % factor
    }
    return free
  }
}
