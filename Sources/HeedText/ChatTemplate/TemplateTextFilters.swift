/// Filters that give text.
enum TemplateTextFilters {
  /// Nil for the name of another sort of filter.
  static func apply(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue? {
    func text() throws(TemplateError) -> String {
      let text = try interpreter.text(value)
      try interpreter.charge(text.utf8.count >> 4)
      return text
    }
    switch name {
    case "string", "safe": return .string(try text())
    case "upper": return try interpreter.string(text().uppercased())
    case "lower": return try interpreter.string(text().lowercased())
    case "capitalize": return try interpreter.string(TemplateMethods.capitalized(text()))
    case "title": return try interpreter.string(titled(text()))
    case "trim": return .string(TemplateMethods.stripped(try text(), call.text(0, "chars")))
    case "escape", "e": return try interpreter.string(escaped(text(), interpreter))
    case "replace":
      return try TemplateMethods.replaced(
        text(), interpreter.text(call.value(0, "old") ?? .none),
        interpreter.text(call.value(1, "new") ?? .none), limit: call.integer(2, "count") ?? -1,
        interpreter)
    case "indent": return try interpreter.string(indented(text(), call, interpreter))
    case "truncate": return try interpreter.string(truncated(text(), call))
    case "wordcount": return .integer(words(try text()))
    case "urlencode": return try interpreter.string(percentEncoded(text()))
    case "center":
      let width = max(0, min(4096, call.integer(0, "width") ?? 80))
      return try interpreter.string(TemplateFormat.centered(text(), width))
    case "format":
      var names: TemplateDictionary?
      if !call.names.isEmpty {
        names = TemplateDictionary(call.names.map { (.string($0.name), $0.value) })
      }
      return try interpreter.string(
        TemplateFormat.percent(text(), call.places, names: names, interpreter))
    default: return nil
    }
  }

  /// As the filter does it: a word begins behind white space, `-`, `(`, `{`, `[` and `<` only.
  private static func titled(_ text: String) -> String {
    var result = ""
    var isStart = true
    for scalar in text.unicodeScalars {
      result += isStart ? scalar.properties.titlecaseMapping : scalar.properties.lowercaseMapping
      isStart = scalar.properties.isWhitespace || "-({[<".unicodeScalars.contains(scalar)
    }
    return result
  }

  private static func escaped(
    _ text: String, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": try writer.append("&amp;")
      case "<": try writer.append("&lt;")
      case ">": try writer.append("&gt;")
      case "\"": try writer.append("&#34;")
      case "'": try writer.append("&#39;")
      default: try writer.append(String(scalar))
      }
    }
    return writer.text
  }

  private static func indented(
    _ text: String, _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    let space =
      call.text(0, "width")
      ?? String(repeating: " ", count: max(0, min(4096, call.integer(0, "width") ?? 4)))
    let indentsFirst = call.value(1, "first")?.isTrue ?? false
    let indentsBlank = call.value(2, "blank")?.isTrue ?? false
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if index > 0 { try writer.append("\n") }
      if index == 0 ? indentsFirst : (indentsBlank || !line.isEmpty) { try writer.append(space) }
      try writer.append(String(line))
    }
    return writer.text
  }

  private static func truncated(_ text: String, _ call: TemplateCall) -> String {
    let length = max(0, call.integer(0, "length") ?? 255)
    let cutsWords = call.value(1, "killwords")?.isTrue ?? false
    let end = call.text(2, "end") ?? "..."
    let leeway = max(0, call.integer(3, "leeway") ?? 5)
    let scalars = text.unicodeScalars
    guard scalars.count - length > leeway else { return text }
    let kept = Array(scalars.prefix(max(0, length - end.unicodeScalars.count)))
    if cutsWords { return String(String.UnicodeScalarView(kept)) + end }
    let cut = kept.lastIndex(of: " ") ?? kept.count
    return String(String.UnicodeScalarView(kept[..<cut])) + end
  }

  private static func words(_ text: String) -> Int {
    text.unicodeScalars.split {
      !($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_")
    }
    .count
  }

  private static func percentEncoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
