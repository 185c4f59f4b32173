import HeedFormats

/// The texts of JSON that schemas are made of.
enum JSONTexts {
  private static let space = ConstraintNode.optional(.text(" "))

  /// Between two members or elements.
  static let comma = ConstraintNode.sequence([.text(","), space])

  /// Between a name and its value.
  static let colon = ConstraintNode.sequence([.text(":"), space])

  /// A string of any characters.
  static let string = ConstraintNode.sequence([
    .text("\""), .repeated(.jsonCharacter(.any), separator: nil, least: 0, most: nil), .text("\""),
  ])

  static func member(_ key: String, _ value: ConstraintNode) -> ConstraintNode {
    .sequence([.text(JSONValue.string(key).text()), colon, value])
  }

  /// An object of any names.
  static func object(of value: ConstraintNode, least: Int, most: Int?) -> ConstraintNode {
    .sequence([
      .text("{"),
      .repeated(.sequence([string, colon, value]), separator: comma, least: least, most: most),
      .text("}"),
    ])
  }

  /// The rule of values of any kind.
  static let anyRule = 0

  /// Any value.
  static let any = ConstraintNode.rule(anyRule)

  /// What `any` stands for: lists and objects hold it again.
  static let anyValue = ConstraintNode.choice([
    string, JSONNumbers.anyNumber, .text("true"), .text("false"), .text("null"),
    .sequence([
      .text("["), .repeated(any, separator: comma, least: 0, most: nil), .text("]"),
    ]), object(of: any, least: 0, most: nil),
  ])

  /// One value.
  static func exactly(_ value: JSONValue) -> ConstraintNode {
    switch value {
    case .array(let elements):
      .sequence([.text("[")] + joined(elements.map { exactly($0) }) + [.text("]")])
    case .object(let object):
      .sequence(
        [.text("{")] + joined(object.members.map { member($0.key, exactly($0.value)) })
          + [.text("}")])
    default: .text(value.text())
    }
  }

  private static func joined(_ nodes: [ConstraintNode]) -> [ConstraintNode] {
    nodes.enumerated().flatMap { index, node in index > 0 ? [comma, node] : [node] }
  }
}

/// Numbers within bounds, as digits.
struct JSONNumbers {
  private let least: Double?
  private let most: Double?
  private let place: String

  /// The most digits of a whole number without bounds: those that every reader takes.
  private static let digitLimit = 15

  init(_ schema: JSONValue, _ place: String) throws(FormatError) {
    func number(_ key: String) throws(FormatError) -> Double? {
      guard let value = schema[key] else { return nil }
      guard let number = value.number, number.isFinite else {
        throw JSONSchemaGrammar.malformed(
          "\(key) \(value.text())", place + "/" + key, expected: "a number")
      }
      return number
    }
    var least = try number("minimum")
    var most = try number("maximum")
    let isWhole = schema["type"] == "integer"
    for (key, isLeast) in [("exclusiveMinimum", true), ("exclusiveMaximum", false)] {
      guard let bound = try number(key) else { continue }
      guard isWhole else {
        throw JSONSchemaGrammar.unsupported(
          "\"\(key)\" of numbers with fractions", place + "/" + key)
      }
      if isLeast {
        least = max(least ?? -.infinity, bound.rounded(.down) + 1)
      } else {
        most = min(most ?? .infinity, bound.rounded(.up) - 1)
      }
    }
    if let least, let most, least > most {
      throw JSONSchemaGrammar.impossible("minimum \(least) over maximum \(most)", place)
    }
    (self.least, self.most, self.place) = (least, most, place)
  }

  private static let digit = ConstraintNode.ascii("0123456789")
  private static let fromOne = ConstraintNode.ascii("123456789")

  private static func digits(_ least: Int, _ most: Int) -> ConstraintNode {
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

  func node(isWhole: Bool) throws(FormatError) -> ConstraintNode {
    guard isWhole else {
      if least == nil, most == nil { return Self.anyNumber }
      if least == 0, most == nil { return .sequence([Self.magnitude, Self.fraction]) }
      throw JSONSchemaGrammar.unsupported(
        "bounds of numbers with fractions, but for minimum 0", place, hint: "use integer")
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
  private static func between(_ low: Int, _ high: Int) -> ConstraintNode {
    var choices: [ConstraintNode] = []
    var low = low
    // Numbers of equal length are compared digit by digit.
    while low <= high {
      let text = Array(String(low).utf8)
      let longest = Int(String(repeating: "9", count: text.count)) ?? high
      choices.append(sameLength(text[...], Array(String(min(longest, high)).utf8)[...]))
      low = longest + 1
    }
    return .choice(choices)
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
