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

  /// One of these values.
  static func oneOf(_ values: [JSONValue]) -> ConstraintNode {
    var (plain, others): ([[UInt8]], [ConstraintNode]) = ([], [])
    for value in values {
      if value.array == nil, value.object == nil {
        plain.append(Array(value.text().utf8))
      } else {
        others.append(exactly(value))
      }
    }
    return others.isEmpty ? .literals(plain) : .choice([.literals(plain)] + others)
  }

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
