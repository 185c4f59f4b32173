import HeedFormats

/// `"%s" % values` and `"{}".format(values)`, as far as templates use them.
enum TemplateFormat {
  private static func refused(_ message: String) -> TemplateError {
    TemplateError(.runtime, message)
  }

  /// `%s %r %d %i %f %x %%` with flags `-` and `0`, a width and a precision, and `%(name)s`.
  static func percent(
    _ format: String, _ values: [TemplateValue], names: TemplateDictionary?,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    var rest = format.unicodeScalars[...]
    var next = 0
    var literal = String.UnicodeScalarView()
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        literal.append(scalar)
        continue
      }
      try writer.append(String(literal))
      literal = String.UnicodeScalarView()
      var name: String?
      if rest.first == "(" {
        rest.removeFirst()
        name = String(String.UnicodeScalarView(rest.prefix { $0 != ")" }))
        rest = rest.drop { $0 != ")" }.dropFirst()
      }
      var flags: Set<Unicode.Scalar> = []
      while let flag = rest.first, "-0+ #".unicodeScalars.contains(flag) {
        flags.insert(flag)
        rest.removeFirst()
      }
      let width = try number(&rest) ?? 0
      var precision: Int?
      if rest.first == "." {
        rest.removeFirst()
        precision = try number(&rest) ?? 0
      }
      guard let kind = rest.popFirst() else { throw refused("ValueError: incomplete format") }
      if kind == "%" {
        try writer.append("%")
        continue
      }
      let value: TemplateValue
      if let name {
        value = names?[name] ?? .undefined("'\(name)' is undefined")
      } else {
        guard next < values.count else {
          throw refused("TypeError: not enough arguments for format string")
        }
        value = values[next]
        next += 1
      }
      let text = try shown(value, kind, precision, interpreter)
      try writer.append(padded(text, width, left: flags.contains("-"), zeros: flags.contains("0")))
    }
    guard next == values.count || names != nil else {
      throw refused("TypeError: not all arguments converted during string formatting")
    }
    try writer.append(String(literal))
    return writer.text
  }

  /// The largest width and precision: no text needs more, and more would only be an attack.
  private static let widthLimit = 4096

  private static func number(_ rest: inout Substring.UnicodeScalarView) throws(TemplateError)
    -> Int?
  {
    let digits = rest.prefix { ("0"..."9").contains($0) }
    guard !digits.isEmpty else { return nil }
    rest = rest.dropFirst(digits.count)
    guard let value = Int(String(digits)), value <= widthLimit else {
      throw TemplateError(.limit, "a width of more than \(widthLimit)")
    }
    return value
  }

  private static func padded(_ text: String, _ width: Int, left: Bool, zeros: Bool) -> String {
    let missing = width - text.unicodeScalars.count
    guard missing > 0 else { return text }
    if left { return text + String(repeating: " ", count: missing) }
    if zeros {
      let sign = text.hasPrefix("-") ? "-" : ""
      return sign + String(repeating: "0", count: missing) + text.dropFirst(sign.count)
    }
    return String(repeating: " ", count: missing) + text
  }

  private static func shown(
    _ value: TemplateValue, _ kind: Unicode.Scalar, _ precision: Int?,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    switch kind {
    case "s":
      let text = try interpreter.text(value)
      guard let precision else { return text }
      return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
    case "r":
      var writer = TemplateWriter(limit: interpreter.limits.textBytes)
      try writer.represent(value)
      return writer.text
    case "d", "i", "u":
      guard let number = value.anyNumber, let whole = Int(exactly: number.rounded(.towardZero))
      else {
        throw refused("TypeError: %\(kind) format: a number is required, not \(value.typeName)")
      }
      return String(value.wholeNumber ?? whole)
    case "x", "X":
      guard let whole = value.wholeNumber else {
        throw refused("TypeError: %x format: an integer is required, not \(value.typeName)")
      }
      return String(whole, radix: 16, uppercase: kind == "X")
    case "f", "F":
      guard let number = value.anyNumber else {
        throw refused("TypeError: must be real number, not \(value.typeName)")
      }
      return fixed(number, precision ?? 6)
    default: throw refused("ValueError: unsupported format character '\(kind)'")
    }
  }

  /// A number with a fixed count of digits behind the point; Python's words for what is none.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    value.isFinite ? HeedFormats.fixed(value, digits) : TemplateWriter.python(value)
  }

  /// `{}`, `{0}`, `{name}`, `{{` and `}}`; with `:.2f`, `:>8` and such behind the name.
  static func braces(
    _ format: String, _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    var rest = format.unicodeScalars[...]
    var next = 0
    while let scalar = rest.popFirst() {
      if scalar == "}" || (scalar == "{" && rest.first == "{") {
        guard rest.popFirst() == scalar else {
          throw refused("ValueError: Single '}' encountered in format string")
        }
        try writer.append(String(scalar))
        continue
      }
      guard scalar == "{" else {
        try writer.append(String(scalar))
        continue
      }
      guard let end = rest.firstIndex(of: "}") else {
        throw refused("ValueError: expected '}' before end of string")
      }
      let field = String(String.UnicodeScalarView(rest[..<end]))
      rest = rest[rest.index(after: end)...]
      let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts.first.map(String.init) ?? ""
      let value: TemplateValue?
      if name.isEmpty {
        value = next < arguments.places.count ? arguments.places[next] : nil
        next += 1
      } else if let place = Int(name) {
        value = arguments.places.indices.contains(place) ? arguments.places[place] : nil
      } else {
        value = arguments.named(name)
      }
      guard let value else { throw refused("IndexError or KeyError: no value for {\(field)}") }
      try writer.append(specified(value, parts.count > 1 ? String(parts[1]) : "", interpreter))
    }
    return writer.text
  }

  private static func specified(
    _ value: TemplateValue, _ format: String, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    if format.isEmpty { return try interpreter.text(value) }
    var rest = format.unicodeScalars[...]
    var alignment: Unicode.Scalar?
    if let first = rest.first, "<>^".unicodeScalars.contains(first) { alignment = rest.popFirst() }
    let zeros = rest.first == "0"
    let width = try number(&rest) ?? 0
    var precision: Int?
    if rest.first == "." {
      rest.removeFirst()
      precision = try number(&rest)
    }
    let kind = rest.popFirst() ?? (precision != nil && value.anyNumber != nil ? "f" : "s")
    guard rest.isEmpty else { throw refused("ValueError: Invalid format specifier '\(format)'") }
    let text = try shown(value, kind, precision, interpreter)
    if alignment == "^" { return centered(text, width) }
    let isLeft = alignment.map { $0 == "<" } ?? (value.anyNumber == nil)
    return padded(text, width, left: isLeft, zeros: zeros && alignment == nil)
  }

  static func centered(_ text: String, _ width: Int) -> String {
    let missing = max(0, width - text.unicodeScalars.count)
    return String(repeating: " ", count: missing / 2) + text
      + String(repeating: " ", count: missing - missing / 2)
  }
}
