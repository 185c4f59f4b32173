/// What stands behind `|`: values in, values out.
enum TemplateFilters {
  static let names: Set<String> = [
    "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e",
    "escape", "first", "float", "format", "groupby", "indent", "int", "items", "join", "last",
    "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse",
    "round", "safe", "select", "selectattr", "slice", "sort", "string", "sum", "title", "tojson",
    "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
  ]

  static func apply(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    if let result = try TemplateTextFilters.apply(name, value, call, interpreter) { return result }
    if let result = try TemplateListFilters.apply(name, value, call, interpreter) { return result }
    switch name {
    case "default", "d":
      let replacesFalse = call.value(1, "boolean")?.isTrue ?? false
      if case .undefined = value { return call.value(0, "default_value") ?? .string("") }
      return replacesFalse && !value.isTrue
        ? call.value(0, "default_value") ?? .string("") : value
    case "abs":
      if let whole = value.wholeNumber {
        guard whole != .min else { throw TemplateOperators.tooLarge }
        return .integer(abs(whole))
      }
      return .number(abs(try number(value, name)))
    case "round": return try rounded(value, call)
    case "int":
      if case .undefined(let what) = value { throw TemplateError(.template, what) }
      return .integer(wholeNumber(value) ?? call.integer(0, "default") ?? 0)
    case "float":
      if case .undefined(let what) = value { throw TemplateError(.template, what) }
      if let number = value.anyNumber { return .number(number) }
      if case .string(let text) = value, let number = Double(TemplateMethods.stripped(text, nil)) {
        return .number(number)
      }
      return call.value(0, "default") ?? .number(0)
    case "tojson": return try json(value, call, interpreter)
    case "length", "count": return .integer(try length(value, interpreter))
    case "attr": return try interpreter.attribute(value, call.text(0, "name") ?? "")
    default: throw TemplateError(.syntax, "No filter named '\(name)'.")
    }
  }

  static func number(_ value: TemplateValue, _ name: String) throws(TemplateError) -> Double {
    if let number = value.anyNumber { return number }
    if case .undefined(let what) = value { throw TemplateError(.template, what) }
    throw TemplateError(.runtime, "TypeError: '\(name)' needs a number, not \(value.typeName)")
  }

  private static func rounded(
    _ value: TemplateValue, _ call: TemplateCall
  ) throws(TemplateError) -> TemplateValue {
    let number = try number(value, "round")
    let digits = max(-300, min(300, call.integer(0, "precision") ?? 0))
    switch call.text(1, "method") ?? "common" {
    case "common":
      // Python rounds whole numbers to whole numbers.
      if digits >= 0, let whole = value.wholeNumber { return .integer(whole) }
      guard digits >= 0 else {
        let unit = power(-digits)
        return .number((number / unit).rounded(.toNearestOrEven) * unit)
      }
      return .number(Double(TemplateFormat.fixed(number, min(digits, 30))) ?? number)
    case "ceil": return .number((number * power(digits)).rounded(.up) / power(digits))
    case "floor": return .number((number * power(digits)).rounded(.down) / power(digits))
    default:
      throw TemplateError(.runtime, "FilterArgumentError: method must be common, ceil or floor")
    }
  }

  private static func power(_ exponent: Int) -> Double { Double("1e\(exponent)") ?? 1 }

  private static func wholeNumber(_ value: TemplateValue) -> Int? {
    if let whole = value.wholeNumber { return whole }
    switch value {
    case .number(let number): return Int(exactly: number.rounded(.towardZero))
    case .string(let text):
      let stripped = TemplateMethods.stripped(text, nil)
      return Int(stripped)
        ?? Double(stripped).flatMap { Int(exactly: $0.rounded(.towardZero)) }
    default: return nil
    }
  }

  static func length(
    _ value: TemplateValue, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Int {
    switch value {
    case .string(let text):
      try interpreter.charge(text.utf8.count >> 6)
      return text.unicodeScalars.count
    case .list(let list), .tuple(let list): return list.items.count
    case .dictionary(let dictionary): return dictionary.count
    case .undefined: return 0
    default:
      throw TemplateError(.runtime, "TypeError: object of type '\(value.typeName)' has no len()")
    }
  }

  private static func json(
    _ value: TemplateValue, _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    var layout = TemplateWriter.Layout()
    // After the value, Hugging Face's filter takes ensure_ascii, indent, separators, sort_keys; the
    // usual call names them.
    if let indent = call.named("indent")?.wholeNumber ?? call.integer(1, "indent") {
      guard (0...64).contains(indent) else {
        throw TemplateError(.limit, "an indent of \(indent); at most 64")
      }
      layout.indent = indent
    }
    if case .tuple(let pair)? = call.value(2, "separators"), pair.items.count == 2 {
      layout.itemSeparator = try interpreter.text(pair.items[0])
      layout.keySeparator = try interpreter.text(pair.items[1])
    }
    layout.sortsKeys = call.value(3, "sort_keys")?.isTrue ?? false
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    try writer.json(value, layout)
    try interpreter.charge(writer.text.utf8.count >> 4)
    return try interpreter.string(writer.text)
  }
}
