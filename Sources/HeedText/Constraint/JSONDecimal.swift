import HeedFormats

/// A number as its decimal digits, without its sign: `significand * 10^exponent`, where the significand does not
/// end in zero. Whether one is a multiple of another is exact in it, which in binary it is not: 0.3 of 0.1.
struct JSONDecimal {
  let significand: UInt
  let exponent: Int

  /// A number as it is written shortest; 0 for what is none.
  init(_ value: JSONValue) {
    if case .integer(let whole) = value {
      self.init(digits: whole.magnitude, exponent: 0)
      return
    }
    // 2.5, 1e-07, 3.0
    let parts = "\(abs(value.number ?? 0))".split(separator: "e")
    let digits = (parts.first ?? "").split(separator: ".")
    let behind = digits.count > 1 && digits[1] != "0" ? digits[1] : ""
    self.init(
      digits: UInt((digits.first ?? "") + behind) ?? 0,
      exponent: (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - behind.count)
  }

  private init(digits: UInt, exponent: Int) {
    var (digits, exponent) = (digits, exponent)
    while digits > 0, digits % 10 == 0 { (digits, exponent) = (digits / 10, exponent + 1) }
    (self.significand, self.exponent) = (digits, exponent)
  }

  /// Whether this is a whole multiple of `step`, which is not 0 and has at most 17 digits.
  func isMultiple(of step: JSONDecimal) -> Bool {
    if significand == 0 { return true }
    let places = exponent - step.exponent
    // The last digit, which is not zero, lies behind all of the step's.
    if places < 0 { return false }
    var rest = significand % step.significand
    for _ in 0..<places where rest > 0 { rest = rest * 10 % step.significand }
    return rest == 0
  }
}
