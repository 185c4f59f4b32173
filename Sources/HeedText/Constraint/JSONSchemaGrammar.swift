// A JSON schema as a tree of texts. What is generated is compact JSON: members in the order of the
// schema, at most one space behind `:` and `,`, no others. That is a part of what the schema allows,
// and every text of it is allowed. Nothing is accepted that could be violated: a keyword that is not
// known and could forbid something is an error that names it.
//
// Known: true and false, type (one or several), enum, const, properties, required,
// additionalProperties (a schema, for objects without properties), minProperties and maxProperties
// (likewise), items, prefixItems, minItems, maxItems, minLength, maxLength, pattern, minimum, maximum
// and their exclusive forms for whole numbers, minimum 0 for others, anyOf, oneOf of different types,
// allOf of one, uniqueItems false, $ref within the document, also to itself: what is referred to, and
// values of any kind, are rules, which may stand within themselves to any depth.

import HeedFormats

/// Makes trees of texts from schemas.
struct JSONSchemaGrammar {
  private let document: JSONValue
  /// What may stand within itself.
  private(set) var rules = [JSONTexts.anyValue]
  private var ruleNumbers: [String: Int] = [:]
  /// References that are being followed, since the last list or object.
  private var open: [String] = []
  private var depth = 0

  private static let depthLimit = 64

  init(_ document: JSONValue) { self.document = document }

  mutating func root() throws(FormatError) -> ConstraintNode { try node(document, at: "#") }

  // MARK: Errors

  static func unsupported(_ what: String, _ place: String, hint: String? = nil) -> FormatError {
    FormatError(.unsupported, what: what, place: "JSON schema, \(place)", hint: hint)
  }

  static func impossible(_ what: String, _ place: String) -> FormatError {
    FormatError(
      .inconsistent, what: "\(what): no value can meet this", place: "JSON schema, \(place)")
  }

  static func malformed(_ what: String, _ place: String, expected: String) -> FormatError {
    FormatError(.malformed, what: what, place: "JSON schema, \(place)", expected: expected)
  }

  // MARK: Schemas

  /// Keywords that say nothing about what is allowed.
  private static let annotations: Set<String> = [
    "title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated",
    "readOnly", "writeOnly", "format", "$defs", "definitions", "contentEncoding",
    "contentMediaType",
  ]

  private static let known: Set<String> = [
    "type", "enum", "const", "properties", "required", "additionalProperties", "minProperties",
    "maxProperties", "items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength",
    "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf", "oneOf",
    "allOf", "$ref",
  ]

  mutating func node(_ schema: JSONValue, at place: String) throws(FormatError) -> ConstraintNode {
    guard depth < Self.depthLimit else {
      throw FormatError(
        .limit, what: "deeper than \(Self.depthLimit) levels", place: "JSON schema, \(place)")
    }
    depth += 1
    defer { depth -= 1 }
    if schema == true { return JSONTexts.any }
    if schema == false { throw Self.impossible("false", place) }
    guard let object = schema.object else {
      throw Self.malformed(
        "\(schema.text())", place, expected: "a schema: an object, true or false")
    }
    for key in object.keys where !Self.annotations.contains(key) && !Self.known.contains(key) {
      if key == "uniqueItems", object[key] == false { continue }
      throw Self.unsupported("the keyword \"\(key)\" is not supported", place + "/" + key)
    }
    if let reference = schema["$ref"] { return try referred(reference, object, place) }
    for key in ["anyOf", "oneOf", "allOf"] {
      if let parts = schema[key] { return try combined(key, parts, object, place) }
    }
    if schema["const"] != nil || schema["enum"] != nil { return try listed(schema, place) }
    let types = try types(of: schema, place)
    guard let types else { return JSONTexts.any }
    var choices: [ConstraintNode] = []
    for type in types { choices.append(try node(ofType: type, schema, place)) }
    return choices.count == 1 ? choices[0] : .choice(choices)
  }

  private static let typeNames = [
    "string", "number", "integer", "boolean", "null", "array", "object",
  ]

  /// The types that a schema names, or that its keywords are about; nil when it allows all.
  private func types(of schema: JSONValue, _ place: String) throws(FormatError) -> [String]? {
    if let type = schema["type"] {
      let names = type.string.map { [$0] } ?? type.array?.compactMap(\.string) ?? []
      for name in names where !Self.typeNames.contains(name) {
        throw Self.malformed(
          "the type \"\(name)\"", place + "/type", expected: Self.typeNames.joined(separator: ", "))
      }
      guard !names.isEmpty, names.count == type.array?.count ?? 1 else {
        throw Self.malformed(
          "the type \(type.text())", place + "/type", expected: "a name or several")
      }
      return names
    }
    if schema["properties"] != nil || schema["required"] != nil
      || schema["additionalProperties"] != nil
    {
      return ["object"]
    }
    if schema["items"] != nil || schema["prefixItems"] != nil { return ["array"] }
    let others = [
      "minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems",
    ]
    for key in others where schema[key] != nil {
      throw Self.unsupported("\"\(key)\" without \"type\"", place, hint: "say which type is meant")
    }
    return nil
  }

  private mutating func node(
    ofType type: String, _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    switch type {
    case "string": return try string(schema, place)
    case "number", "integer": return try JSONNumbers(schema, place).node(isWhole: type == "integer")
    case "boolean": return .choice([.text("true"), .text("false")])
    case "null": return .text("null")
    case "array":
      return try inside { (grammar) throws(FormatError) in try grammar.array(schema, place) }
    default:
      return try inside { (grammar) throws(FormatError) in try grammar.object(schema, place) }
    }
  }

  private mutating func referred(
    _ reference: JSONValue, _ schema: JSONObject, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    guard let path = reference.string, path.hasPrefix("#") else {
      throw Self.unsupported(
        "a reference to \(reference.text())", place + "/$ref",
        hint: "only references within the document are followed")
    }
    guard !open.contains(path) else {
      throw Self.unsupported(
        "\(path) is nothing but itself", place + "/$ref", hint: "put a list or an object between")
    }
    var target = document
    for part in path.dropFirst().split(separator: "/") {
      let name = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
      guard let next = target[name] ?? Int(name).flatMap({ target.array?.element(at: $0) }) else {
        throw FormatError(
          .missing, what: "there is no \(path)", place: "JSON schema, \(place)/$ref")
      }
      target = next
    }
    try refuseOthers(schema, beside: "$ref", place)
    if let known = ruleNumbers[path] { return .rule(known) }
    let rule = rules.count
    ruleNumbers[path] = rule
    rules.append(.empty)
    open.append(path)
    defer { open.removeLast() }
    rules[rule] = try node(target, at: path)
    return .rule(rule)
  }

  /// The parts of a list or an object, which stand behind its first byte.
  private mutating func inside<Result>(
    _ body: (inout Self) throws(FormatError) -> Result
  ) throws(FormatError) -> Result {
    let outer = open
    open = []
    defer { open = outer }
    return try body(&self)
  }

  /// Beside a keyword that stands for whole schemas, others would have to be met as well.
  private func refuseOthers(
    _ schema: JSONObject, beside key: String, _ place: String
  ) throws(FormatError) {
    for other in schema.keys where other != key && !Self.annotations.contains(other) {
      if other == "type", ["anyOf", "oneOf"].contains(key) { continue }
      throw Self.unsupported("\"\(other)\" beside \"\(key)\"", place + "/" + other)
    }
  }

  private mutating func combined(
    _ key: String, _ parts: JSONValue, _ schema: JSONObject, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    guard let schemas = parts.array, !schemas.isEmpty else {
      throw Self.malformed("\(key)", place + "/" + key, expected: "a list of schemas")
    }
    try refuseOthers(schema, beside: key, place)
    var choices: [ConstraintNode] = []
    var kinds: Set<String> = []
    let outerTypes = try schema["type"] == nil ? nil : types(of: .object(schema), place)
    for (index, part) in schemas.enumerated() {
      let partPlace = "\(place)/\(key)/\(index)"
      if key != "allOf" {
        let own = Self.kinds(of: part)
        if let outerTypes, !own.isSubset(of: Set(outerTypes)) {
          throw Self.unsupported("\"type\" beside \"\(key)\" that does not hold for all", partPlace)
        }
        if key == "oneOf" {
          guard kinds.isDisjoint(with: own) else {
            throw Self.unsupported(
              "schemas of the same type in oneOf", partPlace, hint: "use anyOf")
          }
          kinds.formUnion(own == ["integer"] ? ["integer", "number"] : own)
        }
      }
      choices.append(try node(part, at: partPlace))
    }
    if key == "allOf", choices.count > 1 {
      throw Self.unsupported("allOf of more than one schema", place + "/allOf")
    }
    return choices.count == 1 ? choices[0] : .choice(choices)
  }

  /// The types that the values of a schema may have, all where that is not said.
  private static func kinds(of schema: JSONValue) -> Set<String> {
    func kind(_ value: JSONValue) -> String {
      switch value {
      case .null: "null"
      case .bool: "boolean"
      case .integer: "integer"
      case .number: "number"
      case .string: "string"
      case .array: "array"
      case .object: "object"
      }
    }
    if let value = schema["const"] { return [kind(value)] }
    if let values = schema["enum"]?.array { return Set(values.map(kind)) }
    if let name = schema["type"]?.string { return [name] }
    if let names = schema["type"]?.array { return Set(names.compactMap(\.string)) }
    return Set(typeNames)
  }

  private func listed(_ schema: JSONValue, _ place: String) throws(FormatError) -> ConstraintNode {
    var values: [JSONValue]
    if let value = schema["const"] {
      values = [value]
    } else if let list = schema["enum"]?.array {
      values = list
    } else {
      throw Self.malformed("enum", place + "/enum", expected: "a list of values")
    }
    if schema["const"] != nil, let list = schema["enum"]?.array {
      values = values.filter { list.contains($0) }
    }
    if let types = try types(of: schema, place), schema["type"] != nil {
      values = values.filter { value in
        let kinds = Self.kinds(of: ["const": value])
        return types.contains { kinds.contains($0) || ($0 == "number" && kinds == ["integer"]) }
      }
    }
    for key in schema.object?.keys ?? []
    where !["const", "enum", "type"].contains(key) && !Self.annotations.contains(key) {
      throw Self.unsupported("\"\(key)\" beside a list of values", place + "/" + key)
    }
    if values.isEmpty { throw Self.impossible("a list without a value that fits", place) }
    return .choice(values.map { JSONTexts.exactly($0) })
  }

  // MARK: Strings, arrays, objects

  private func string(_ schema: JSONValue, _ place: String) throws(FormatError) -> ConstraintNode {
    let (least, most) = try bounds("minLength", "maxLength", schema, place)
    let quote = ConstraintNode.text("\"")
    guard let pattern = schema["pattern"] else {
      return .sequence([
        quote,
        .repeated(.jsonCharacter(.any), separator: nil, least: least, most: most), quote,
      ])
    }
    guard let text = pattern.string else {
      throw Self.malformed("the pattern", place + "/pattern", expected: "a string")
    }
    if least > 0 || most != nil {
      throw Self.unsupported(
        "a length beside a pattern", place, hint: "say the length in the pattern")
    }
    let inner = try ConstraintNode(
      pattern: text, place: "JSON schema, \(place)/pattern", isAnchored: false
    ) { .jsonCharacter($0) }
    return .sequence([quote, inner, quote])
  }

  private func bounds(
    _ leastKey: String, _ mostKey: String, _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> (least: Int, most: Int?) {
    func bound(_ key: String) throws(FormatError) -> Int? {
      guard let value = schema[key] else { return nil }
      guard let number = value.integer, number >= 0 else {
        throw Self.malformed(
          "\(key) \(value.text())", place + "/" + key, expected: "a whole number from 0 on")
      }
      guard number <= 100_000 else {
        throw FormatError(
          .limit, what: "\(key) \(number)", place: "JSON schema, \(place)",
          expected: "at most 100000")
      }
      return number
    }
    let (least, most) = (try bound(leastKey) ?? 0, try bound(mostKey))
    if let most, most < least {
      throw Self.impossible("\(leastKey) \(least) over \(mostKey) \(most)", place)
    }
    return (least, most)
  }

  private mutating func array(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    let (least, most) = try bounds("minItems", "maxItems", schema, place)
    let prefix = schema["prefixItems"] ?? .array([])
    guard let first = prefix.array else {
      throw Self.malformed("prefixItems", place + "/prefixItems", expected: "a list of schemas")
    }
    var parts: [ConstraintNode] = []
    for (index, item) in first.prefix(most ?? .max).enumerated() {
      parts.append(try node(item, at: "\(place)/prefixItems/\(index)"))
    }
    let open = ConstraintNode.text("[")
    let close = ConstraintNode.text("]")
    let items = schema["items"] ?? true
    if parts.isEmpty {
      if items == false {
        if least > 0 { throw Self.impossible("items false and minItems \(least)", place) }
        return .text("[]")
      }
      if most == 0 { return .text("[]") }
      let item = try node(items, at: place + "/items")
      return .sequence([
        open, .repeated(item, separator: JSONTexts.comma, least: least, most: most), close,
      ])
    }
    // All that the prefix names, then what items allows.
    var body: [ConstraintNode] = []
    for (index, part) in parts.enumerated() {
      if index > 0 { body.append(JSONTexts.comma) }
      body.append(part)
    }
    let restMost = most.map { $0 - parts.count }
    let restLeast = max(0, least - parts.count)
    if items == false || schema["items"] == nil && restLeast == 0 || restMost == 0 {
      if restLeast > 0 { throw Self.impossible("minItems \(least)", place) }
    } else {
      let item = try node(items, at: place + "/items")
      body.append(
        .repeated(
          .sequence([JSONTexts.comma, item]), separator: nil, least: restLeast, most: restMost))
    }
    return .sequence([open] + body + [close])
  }

  private mutating func object(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    let properties = schema["properties"]?.object ?? JSONObject()
    if schema["properties"] != nil, schema["properties"]?.object == nil {
      throw Self.malformed("properties", place + "/properties", expected: "an object")
    }
    let required = try requiredNames(schema, place)
    let additional = schema["additionalProperties"] ?? true
    var members: [(node: ConstraintNode, isRequired: Bool)] = []
    for (key, value) in properties.members {
      let isRequired = required.contains(key)
      if value == false, !isRequired { continue }
      members.append(
        (JSONTexts.member(key, try node(value, at: "\(place)/properties/\(key)")), isRequired))
    }
    for key in required where properties[key] == nil {
      if additional == false {
        throw Self.impossible(
          "\"\(key)\" is required, but neither among the properties nor an additional one",
          place + "/required")
      }
      members.append(
        (JSONTexts.member(key, try node(additional, at: place + "/additionalProperties")), true))
    }
    let (least, most) = try bounds("minProperties", "maxProperties", schema, place)
    if members.isEmpty {
      if additional == false || most == 0 {
        if least > 0 { throw Self.impossible("minProperties \(least)", place) }
        return .text("{}")
      }
      if least > 1 {
        throw Self.unsupported(
          "minProperties \(least) without properties", place, hint: "names might be the same")
      }
      let value =
        additional == true
        ? JSONTexts.any
        : try node(additional, at: place + "/additionalProperties")
      return JSONTexts.object(of: value, least: least, most: most)
    }
    if least > members.count(where: \.isRequired) || (most ?? .max) < members.count {
      throw Self.unsupported("a number of properties beside their names", place)
    }
    return .sequence([.text("{"), .members(members, separator: JSONTexts.comma), .text("}")])
  }
}

extension JSONSchemaGrammar {
  /// The names of the members that have to be there, each once.
  private func requiredNames(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> [String] {
    guard let value = schema["required"] else { return [] }
    let names = (value.array ?? []).compactMap(\.string)
    guard let list = value.array, names.count == list.count else {
      throw Self.malformed("required", place + "/required", expected: "a list of names")
    }
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }
}

extension Array {
  /// The element at a place, if there is one.
  fileprivate func element(at place: Int) -> Element? {
    indices.contains(place) ? self[place] : nil
  }
}
