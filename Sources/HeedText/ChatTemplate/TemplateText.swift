// Values as text, as Python writes them, and as JSON, as Python's `json.dumps` does.

/// Writes values; refuses to write more than is allowed.
struct TemplateWriter {
  private(set) var text = ""
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func append(_ piece: String) throws(TemplateError) {
    guard text.utf8.count + piece.utf8.count <= limit else {
      throw TemplateError(.limit, "more than \(limit) bytes of text")
    }
    text += piece
  }

  /// As `str()` writes it: strings as they are, the rest as `repr()`.
  mutating func show(_ value: TemplateValue) throws(TemplateError) {
    switch value {
    case .undefined: break
    case .string(let text): try append(text)
    default: try represent(value)
    }
  }

  /// As `repr()` writes it.
  mutating func represent(_ value: TemplateValue) throws(TemplateError) {
    switch value {
    case .undefined: try append("Undefined")
    case .none: try append("None")
    case .bool(let value): try append(value ? "True" : "False")
    case .integer(let value): try append(String(value))
    case .number(let value): try append(Self.python(value))
    case .string(let text): try append(Self.quoted(text))
    case .list(let list): try sequence(list.items, "[", "]")
    case .tuple(let list):
      try sequence(list.items, "(", list.items.count == 1 ? ",)" : ")")
    case .dictionary(let dictionary):
      try append("{")
      for (index, member) in dictionary.members.enumerated() {
        if index > 0 { try append(", ") }
        try represent(member.key)
        try append(": ")
        try represent(member.value)
      }
      try append("}")
    case .namespace: try append("<Namespace>")
    case .callable: try append("<function>")
    }
  }

  private mutating func sequence(
    _ items: [TemplateValue], _ open: String, _ close: String
  ) throws(TemplateError) {
    try append(open)
    for (index, item) in items.enumerated() {
      if index > 0 { try append(", ") }
      try represent(item)
    }
    try append(close)
  }

  /// A float as Python writes it: the shortest digits that give it back, and an exponent only below
  /// 1e-4 and from 1e16 on.
  static func python(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    // Digits and exponent from Swift's text, which has the same digits.
    var mantissa = value.magnitude.description
    var exponent = 0
    if let place = mantissa.firstIndex(of: "e") {
      exponent = Int(mantissa[mantissa.index(after: place)...]) ?? 0
      mantissa = String(mantissa[..<place])
    }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    var digits = Array((String(parts[0]) + (parts.count > 1 ? String(parts[1]) : "")).utf8)
    var point = parts[0].utf8.count + exponent  // digits before the point
    while digits.count > 1, digits.first == 48 {
      digits.removeFirst()
      point -= 1
    }
    while digits.count > 1, digits.last == 48 { digits.removeLast() }
    func text(_ part: some Sequence<UInt8>) -> String {
      String(decoding: Array(part), as: UTF8.self)
    }
    if point > 16 || point <= -4 {
      let power = point - 1
      let rest = digits.count > 1 ? "." + text(digits.dropFirst()) : ""
      let size = power.magnitude < 10 ? "0\(power.magnitude)" : "\(power.magnitude)"
      return sign + text(digits.prefix(1)) + rest + "e" + (power < 0 ? "-" : "+") + size
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + text(digits) }
    if digits.count <= point {
      return sign + text(digits) + String(repeating: "0", count: point - digits.count) + ".0"
    }
    return sign + text(digits.prefix(point)) + "." + text(digits.dropFirst(point))
  }

  /// A string as Python writes it, with quotes.
  static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in scalars {
      switch scalar {
      case quote, "\\":
        result.append("\\")
        result.append(scalar)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}":
        let digits = String(scalar.value, radix: 16)
        result.append(
          contentsOf: ("\\x" + (digits.utf8.count < 2 ? "0" : "") + digits).unicodeScalars)
      default: result.append(scalar)
      }
    }
    result.append(quote)
    return String(result)
  }
}

extension TemplateWriter {
  /// How JSON is laid out.
  struct Layout {
    var indent: Int?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
  }

  /// As `json.dumps` writes it, without escapes for letters that are not ASCII.
  mutating func json(
    _ value: TemplateValue, _ layout: Layout, level: Int = 0
  ) throws(TemplateError) {
    switch value {
    case .none: try append("null")
    case .bool(let value): try append(value ? "true" : "false")
    case .integer(let value): try append(String(value))
    case .number(let value):
      try append(
        value.isFinite
          ? Self.python(value) : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
    case .string(let text): try append(Self.jsonQuoted(text))
    case .list(let list), .tuple(let list):
      try items(list.items, "[", "]", layout, level) { (writer, item) throws(TemplateError) in
        try writer.json(item, layout, level: level + 1)
      }
    case .dictionary(let dictionary):
      var members = dictionary.members
      if layout.sortsKeys {
        members.sort { Self.key($0.key) ?? "" < Self.key($1.key) ?? "" }
      }
      try items(members, "{", "}", layout, level) { (writer, member) throws(TemplateError) in
        guard let key = Self.key(member.key) else {
          throw TemplateError(.runtime, "TypeError: keys must be str, int, float, bool or None")
        }
        try writer.append(Self.jsonQuoted(key) + layout.keySeparator)
        try writer.json(member.value, layout, level: level + 1)
      }
    case .undefined, .namespace, .callable:
      throw TemplateError(
        .runtime, "TypeError: Object of type \(value.typeName) is not JSON serializable")
    }
  }

  private static func key(_ value: TemplateValue) -> String? {
    switch value {
    case .string(let text): text
    case .none: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .number(let value): python(value)
    default: nil
    }
  }

  private mutating func items<Item>(
    _ items: [Item], _ open: String, _ close: String, _ layout: Layout, _ level: Int,
    _ write: (inout TemplateWriter, Item) throws(TemplateError) -> Void
  ) throws(TemplateError) {
    if items.isEmpty { return try append(open + close) }
    try append(open)
    // With an indent, no space stands before the newline.
    let separator =
      layout.indent == nil
      ? layout.itemSeparator
      : layout.itemSeparator.hasSuffix(" ")
        ? String(layout.itemSeparator.dropLast()) : layout.itemSeparator
    for (index, item) in items.enumerated() {
      if index > 0 { try append(separator) }
      if let indent = layout.indent {
        try append("\n" + String(repeating: " ", count: indent * (level + 1)))
      }
      try write(&self, item)
    }
    if let indent = layout.indent {
      try append("\n" + String(repeating: " ", count: indent * level))
    }
    try append(close)
  }

  static func jsonQuoted(_ text: String) -> String {
    var result = String.UnicodeScalarView(["\""])
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        result.append("\\")
        result.append(scalar)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      case "\u{8}": result.append(contentsOf: "\\b".unicodeScalars)
      case "\u{C}": result.append(contentsOf: "\\f".unicodeScalars)
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        result.append(
          contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
            .unicodeScalars)
      default: result.append(scalar)
      }
    }
    result.append("\"")
    return String(result)
  }
}
