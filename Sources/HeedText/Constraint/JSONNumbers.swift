import HeedFormats

/// Numbers within bounds, as digits.
struct JSONNumbers {
  private let least: Double?
  private let most: Double?
  /// Whether the bounds themselves are left out; of numbers with fractions alone.
  private let isLeastOut: Bool
  private let isMostOut: Bool
  /// What numbers are whole multiples of.
  private let step: Double?
  private let isWhole: Bool
  private let place: String

  /// The most digits of a whole number without bounds: those that every reader takes.
  static let digitLimit = 15

  /// - Parameter isWhole: whether the type is "integer", alone or as one of several.
  init(_ schema: JSONValue, isWhole: Bool, _ place: String) throws(FormatError) {
    self.isWhole = isWhole
    func number(_ key: String) throws(FormatError) -> Double? {
      guard let value = schema[key] else { return nil }
      guard let number = value.number, number.isFinite else {
        throw JSONSchemaGrammar.malformed(
          "\(key) \(value.text())", place + "/" + key, expected: "a number")
      }
      return number
    }
    var (least, most) = (try number("minimum"), try number("maximum"))
    var (isLeastOut, isMostOut) = (false, false)
    if let bound = try number("exclusiveMinimum") {
      if isWhole {
        least = max(least ?? -.infinity, bound.rounded(.down) + 1)
      } else if bound >= least ?? -.infinity {
        (least, isLeastOut) = (bound, true)
      }
    }
    if let bound = try number("exclusiveMaximum") {
      if isWhole {
        most = min(most ?? .infinity, bound.rounded(.up) - 1)
      } else if bound <= most ?? .infinity {
        (most, isMostOut) = (bound, true)
      }
    }
    if let least, let most, least > most || least == most && (isLeastOut || isMostOut) {
      throw JSONSchemaGrammar.impossible(
        "minimum \(least) \(least > most ? "over" : "at") maximum \(most)", place)
    }
    step = try number("multipleOf")
    if let step, step <= 0 {
      throw JSONSchemaGrammar.malformed(
        "multipleOf \(step)", place + "/multipleOf", expected: "a number over 0")
    }
    (self.least, self.most, self.place) = (least, most, place)
    (self.isLeastOut, self.isMostOut) = (isLeastOut, isMostOut)
  }

  static let digit = ConstraintNode.ascii("0123456789")
  private static let fromOne = ConstraintNode.ascii("123456789")

  static func digits(_ least: Int, _ most: Int) -> ConstraintNode {
    .repeated(digit, separator: nil, least: least, most: most)
  }

  private static let magnitude = ConstraintNode.choice([
    .text("0"), .sequence([fromOne, digits(0, digitLimit - 1)]),
  ])

  private static let fraction = ConstraintNode.sequence([
    .optional(.sequence([.text("."), digits(1, digitLimit)])),
    .optional(.sequence([.ascii("eE"), .optional(.ascii("+-")), digits(1, 2)])),
  ])

  /// Any number.
  static let anyNumber = ConstraintNode.sequence([.optional(.text("-")), magnitude, fraction])

  /// What a text has to match, all at once.
  func conditions() throws(FormatError) -> [ConstraintNode] {
    let bounds = try bounded()
    guard let step else { return [bounds] }
    let multiples = try JSONMultiples(of: step, place: place).node()
    return [bounds, .sequence([.optional(.text("-")), multiples])]
  }

  /// The numbers between the bounds.
  private func bounded() throws(FormatError) -> ConstraintNode {
    guard isWhole else {
      if least == nil, most == nil { return Self.anyNumber }
      if least == 0, !isLeastOut, most == nil {
        return .sequence([Self.magnitude, Self.fraction])
      }
      return try JSONFractions(
        least: least, isLeastOut: isLeastOut, most: most, isMostOut: isMostOut, place: place
      ).node()
    }
    if least == nil, most == nil {
      return .choice([
        .text("0"),
        .sequence([
          .optional(.text("-")), Self.fromOne, Self.digits(0, Self.digitLimit - 1),
        ]),
      ])
    }
    let limit = 999_999_999_999_999.0
    // In floating point until both are known to be small.
    let least = (least ?? -limit).rounded(.up)
    let most = (most ?? limit).rounded(.down)
    guard least <= limit, most >= -limit else {
      throw FormatError(
        .limit, what: "a bound of more than \(Self.digitLimit) digits",
        place: "JSON schema, \(place)", expected: "at most \(Self.digitLimit) digits")
    }
    let low = Int(max(-limit, least))
    let high = Int(min(limit, most))
    guard low <= high else {
      throw JSONSchemaGrammar.impossible("no whole number between the bounds", place)
    }
    var choices: [ConstraintNode] = []
    if low < 0 {
      choices.append(.sequence([.text("-"), Self.between(max(1, -min(high, -1)), -low)]))
    }
    if high >= 0 { choices.append(Self.between(max(0, low), high)) }
    return .choice(choices)
  }

  /// The decimal texts of the numbers from `low` to `high`, both at least 0.
  static func between(_ low: Int, _ high: Int) -> ConstraintNode {
    var choices: [ConstraintNode] = []
    var low = low
    // Numbers of equal length are compared digit by digit.
    while low <= high {
      let text = Array(String(low).utf8)
      if isPowerOfTen(low), isPowerOfTen(high + 1) {
        // All numbers of so many digits.
        choices.append(
          .sequence([fromOne, digits(text.count - 1, String(high).utf8.count - 1)]))
        break
      }
      let longest = Int(String(repeating: "9", count: text.count)) ?? high
      choices.append(sameLength(text[...], Array(String(min(longest, high)).utf8)[...]))
      low = longest + 1
    }
    return .choice(choices)
  }

  private static func isPowerOfTen(_ number: Int) -> Bool {
    let digits = String(number).utf8
    return digits.first == 49 && digits.dropFirst().allSatisfy { $0 == 48 }
  }

  private static func sameLength(
    _ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>
  ) -> ConstraintNode {
    guard let first = low.first, let last = high.first else { return .empty }
    let rest = low.count - 1
    if first == last {
      return .sequence([.literal([first]), sameLength(low.dropFirst(), high.dropFirst())])
    }
    let isWholeBelow = low.dropFirst().allSatisfy { $0 == 48 }
    let isWholeAbove = high.dropFirst().allSatisfy { $0 == 57 }
    var choices: [ConstraintNode] = []
    let from = isWholeBelow ? first : first + 1
    let to = isWholeAbove ? last : last - 1
    if !isWholeBelow {
      let nines = [UInt8](repeating: 57, count: rest)
      choices.append(.sequence([.literal([first]), sameLength(low.dropFirst(), nines[...])]))
    }
    if from <= to {
      let middle = ScalarSet(ranges: [UInt32(from)...UInt32(to)])
      choices.append(.sequence([.set(middle), digits(rest, rest)]))
    }
    if !isWholeAbove {
      let zeros = [UInt8](repeating: 48, count: rest)
      choices.append(.sequence([.literal([last]), sameLength(zeros[...], high.dropFirst())]))
    }
    return .choice(choices)
  }
}
