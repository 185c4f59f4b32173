extension JSONValue {
  /// The document as text.
  ///
  /// NaN and infinities, which JSON has not, are written as the strings "nan", "inf", "-inf".
  ///
  /// - Parameter indented: one member a line when true; without any spaces when false.
  public func text(indented: Bool = false) -> String {
    var result = ""
    write(to: &result, indent: indented ? 0 : nil)
    return result
  }

  private func write(to text: inout String, indent: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value):
      if value.isFinite {
        text += value.description
      } else {
        text += value.isNaN ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\""
      }
    case .string(let value): Self.quote(value, to: &text)
    case .array(let elements):
      // Arrays of plain values stay on one line: shapes and ids read best so.
      let isFlat = elements.allSatisfy { $0.array == nil && $0.object == nil }
      Self.writeList(elements, "[", "]", isFlat ? nil : indent, spaced: indent != nil, to: &text) {
        $0.write(to: &$1, indent: $2)
      }
    case .object(let object):
      Self.writeList(object.members, "{", "}", indent, spaced: indent != nil, to: &text) {
        member, text, indent in
        Self.quote(member.key, to: &text)
        text += indent != nil ? ": " : ":"
        member.value.write(to: &text, indent: indent)
      }
    }
  }

  private static func writeList<Element>(
    _ elements: [Element], _ open: String, _ close: String, _ indent: Int?, spaced: Bool,
    to text: inout String, _ write: (Element, inout String, Int?) -> Void
  ) {
    text += open
    let inner = indent.map { $0 + 1 }
    for (index, element) in elements.enumerated() {
      if index > 0 { text += indent == nil && spaced ? ", " : "," }
      if let inner { text += "\n" + String(repeating: "  ", count: inner) }
      write(element, &text, inner)
    }
    if let indent, !elements.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
    text += close
  }

  private static func quote(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
