// A JSON schema as a tree of texts. What is generated is compact JSON: members in the order of the
// schema, at most one space behind `:` and `,`, no others. That is a part of what the schema allows,
// and every text of it is allowed. Nothing is accepted that could be violated: a keyword that is not
// known and could forbid something is an error that names it.
//
// Known: true and false, type (one or several), enum, const, properties, required,
// additionalProperties, minProperties and maxProperties (of names that are not listed one counts for the least),
// patternProperties (one pattern, without properties), items, prefixItems, minItems, maxItems,
// uniqueItems (of listed values, in their order), minLength, maxLength, pattern (several by allOf), minimum,
// maximum and their exclusive forms, multipleOf (`JSONMultiples`), anyOf, oneOf of schemas that no value can
// both meet (different types, values or tags), allOf (made one schema), $ref within the document, by a pointer,
// an $anchor or an $id, also to itself: what is referred to, and values of any kind, are rules, which may stand
// within themselves to any depth. Keywords beside anyOf, oneOf and $ref are made one schema with each; all that
// stand beside enum and const, of which there are finitely many values, select among them.
//
// Members that a schema does not list are written behind those that it does, where additionalProperties says
// in so many words that they may be there: true or a schema. Without that keyword JSON Schema allows them too,
// but whoever lists the members of an answer rarely wants others, and a model hardly ever stops adding some.
//
// Allowed by a schema and never written: fewer items than prefixItems names, or others behind them where
// neither items nor minItems asks for any; members that are not listed, as above; whole numbers with a point
// or an exponent; values of other types than those that the keywords of a schema without type are about.
//
// What no value can meet is left out where it may be absent: a member that is not required, items of a list that
// may end before them, one of several types or choices. Elsewhere it is an error.
//
// Numbers are equal by what they are worth (1 and 1.0), and patterns are ECMAScript's with the flag u. Names of
// members that the schema does not list may come twice: no finite automaton knows all that were there.

import HeedFormats

/// Makes trees of texts from schemas.
struct JSONSchemaGrammar {
  private let document: JSONValue
  /// What may stand within itself.
  private(set) var rules = [JSONTexts.anyValue]
  /// What each rule is of.
  private(set) var rulePlaces = ["any value"]
  private var ruleNumbers: [String: Int] = [:]
  /// What nothing can meet, of what was referred to.
  private var unmeetable: [String: FormatError] = [:]
  /// References that are being followed, since the last list or object.
  private var open: [String] = []
  private var depth = 0
  /// Parts of `allOf` that were made one.
  var mergedParts = 0
  /// What was compared for that.
  var comparisons = 0
  /// What was done for conditions that have to hold at once.
  private var conditionWork = 0

  private static let depthLimit = 64

  init(_ document: JSONValue) throws(FormatError) {
    self.document = try SchemaReferences.resolved(document)
  }

  /// - Throws: `FormatError` also for a schema whose texts never end.
  mutating func root() throws(FormatError) -> ConstraintNode {
    let root = try node(document, at: "#")
    let levels = ConstraintWalker.depthLimit
    let endless = ConstraintNode.endless(rules, levels: levels)
    guard root.ends(without: endless) else {
      var seen: Set<String> = []
      let places = endless.sorted().map { rulePlaces[$0] }.filter { seen.insert($0).inserted }
      throw FormatError(
        .inconsistent,
        what: "nothing can match this: no text of \(places.listed) ends within \(levels) levels",
        place: "JSON schema", hint: "what needs itself has no end: require it less")
    }
    return root
  }

  // MARK: Errors

  static func unsupported(_ what: String, _ place: String, hint: String? = nil) -> FormatError {
    FormatError(.unsupported, what: what, place: "JSON schema, \(place)", hint: hint)
  }

  static func impossible(_ what: String, _ place: String) -> FormatError {
    FormatError(
      .inconsistent, what: "\(what): no value can meet this", place: "JSON schema, \(place)")
  }

  /// Texts that meet all conditions, which hold no rules; `what` says what is wrong where there are none.
  mutating func common(
    _ conditions: [ConstraintNode], _ what: String, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    if conditions.count == 1 { return conditions[0] }
    do throws(FormatError) {
      return .automaton(
        try ByteAutomaton(
          common: conditions, place: "JSON schema, \(place)", work: &conditionWork))
    } catch {
      throw error.code == .inconsistent ? Self.impossible(what, place) : error
    }
  }

  static func malformed(_ what: String, _ place: String, expected: String) -> FormatError {
    FormatError(.malformed, what: what, place: "JSON schema, \(place)", expected: expected)
  }

  // MARK: Schemas

  /// Keywords that say nothing about what is allowed.
  static let annotations: Set<String> = [
    "title", "description", "default", "examples", "$schema", "$id", "$anchor", "$comment",
    "deprecated", "readOnly", "writeOnly", "format", "$defs", "definitions", "contentEncoding",
    "contentMediaType", "discriminator",
  ]

  private static let known: Set<String> = [
    "type", "enum", "const", "properties", "required", "additionalProperties", "minProperties",
    "maxProperties", "items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength",
    "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf", "oneOf",
    "allOf", "$ref", "multipleOf", "uniqueItems", "patternProperties",
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
    try refuseUnknown(object, place)
    if let parts = schema["allOf"], !Self.isOfPatterns(parts) {
      return try node(allOf(parts, object, place), at: place)
    }
    // What else is said selects among the values, whatever it is.
    if schema["const"] != nil || schema["enum"] != nil {
      return JSONTexts.oneOf(try listedValues(schema, place))
    }
    if let reference = schema["$ref"] { return try referred(reference, object, place) }
    for key in ["anyOf", "oneOf"] {
      if let parts = schema[key] { return try combined(key, parts, object, place) }
    }
    let types = try types(of: schema, place)
    guard let types else { return JSONTexts.any }
    return try choice(of: types) { (grammar, type) throws(FormatError) in
      try grammar.node(ofType: type, schema, place)
    }
  }

  /// Refuses what is not known and could forbid something.
  func refuseUnknown(_ schema: JSONObject, _ place: String) throws(FormatError) {
    for key in schema.keys where !Self.annotations.contains(key) && !Self.known.contains(key) {
      throw Self.unsupported("the keyword \"\(key)\" is not supported", place + "/" + key)
    }
  }

  /// A part of a list or an object; nil where no value can meet it and it may be absent.
  mutating func node(
    _ schema: JSONValue, at place: String, isRequired: Bool
  ) throws(FormatError) -> ConstraintNode? {
    do throws(FormatError) {
      return try node(schema, at: place)
    } catch {
      if isRequired || error.code != .inconsistent { throw error }
      return nil
    }
  }

  /// Those of several that values can meet.
  ///
  /// - Throws: what is wrong with the first where there are none.
  private mutating func choice<Part>(
    of parts: [Part], _ node: (inout Self, Part) throws(FormatError) -> ConstraintNode
  ) throws(FormatError) -> ConstraintNode {
    var choices: [ConstraintNode] = []
    var first: FormatError?
    for part in parts {
      do throws(FormatError) {
        choices.append(try node(&self, part))
      } catch {
        guard error.code == .inconsistent else { throw error }
        first = first ?? error
      }
    }
    if choices.isEmpty, let first { throw first }
    return choices.count == 1 ? choices[0] : .choice(choices)
  }

  static let typeNames = [
    "string", "number", "integer", "boolean", "null", "array", "object",
  ]

  /// The types that a schema names, or that its keywords are about; nil when it allows all.
  private func types(of schema: JSONValue, _ place: String) throws(FormatError) -> [String]? {
    if let type = schema["type"] { return try named(type, place) }
    if Self.isAboutObjects(schema) { return ["object"] }
    if Self.isAboutArrays(schema) { return ["array"] }
    let others = [
      "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum",
      "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties",
      "maxProperties",
    ]
    for key in others where schema[key] != nil || key == "pattern" && schema["allOf"] != nil {
      throw Self.unsupported("\"\(key)\" without \"type\"", place, hint: "say which type is meant")
    }
    return nil
  }

  /// The types that `type` names, each once.
  func named(_ type: JSONValue, _ place: String) throws(FormatError) -> [String] {
    let names = type.string.map { [$0] } ?? type.array?.compactMap(\.string) ?? []
    for name in names where !Self.typeNames.contains(name) {
      throw Self.malformed(
        "the type \"\(name)\"", place + "/type", expected: Self.typeNames.joined(separator: ", "))
    }
    guard !names.isEmpty, names.count == type.array?.count ?? 1 else {
      throw Self.malformed(
        "the type \(type.text())", place + "/type", expected: "a name or several")
    }
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  /// Whether a schema without a type has keywords of objects.
  static func isAboutObjects(_ schema: JSONValue) -> Bool {
    ["properties", "required", "additionalProperties", "patternProperties"]
      .contains { schema[$0] != nil }
  }

  /// Whether a schema without a type has keywords of lists, and none of objects.
  static func isAboutArrays(_ schema: JSONValue) -> Bool {
    !isAboutObjects(schema) && (schema["items"] != nil || schema["prefixItems"] != nil)
  }

  private mutating func node(
    ofType type: String, _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    switch type {
    case "string": return try string(schema, place)
    case "number", "integer":
      let numbers = try JSONNumbers(schema, isWhole: type == "integer", place)
      return try common(
        numbers.conditions(),
        "no multiple of \(schema["multipleOf"]?.text() ?? "1") between the bounds", place)
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
    let target = try target(of: reference, place)
    let beside = Self.conditions(of: schema, without: "$ref")
    // What says the same beside a reference is one rule with it, so that lists within themselves end here too.
    let path =
      beside.members.isEmpty
      ? target.path : "\(target.path) beside \(JSONValue.object(beside).text())"
    try countCompared(path.utf8.count / 8, place)
    guard !open.contains(path) else {
      throw Self.unsupported(
        "\(path) is nothing but itself", place + "/$ref", hint: "put a list or an object between")
    }
    if let error = unmeetable[path] { throw error }
    if let known = ruleNumbers[path] { return .rule(known) }
    let rule = rules.count
    ruleNumbers[path] = rule
    rules.append(.empty)
    rulePlaces.append(path)
    open.append(path)
    defer { open.removeLast() }
    do throws(FormatError) {
      let whole =
        beside.members.isEmpty
        ? target.schema : try joined(["$ref": .string(target.path)], with: beside, place)
      rules[rule] = try node(whole, at: beside.members.isEmpty ? path : place)
    } catch {
      // Parts of itself may refer to it already.
      if error.code == .inconsistent { (rules[rule], unmeetable[path]) = (.nothing, error) }
      throw error
    }
    return .rule(rule)
  }

  /// A node as a rule of its own, which is built once however often it is called.
  mutating func rule(of node: ConstraintNode, at place: String) -> ConstraintNode {
    rules.append(node)
    rulePlaces.append(place)
    return .rule(rules.count - 1)
  }

  /// What a reference within the document means.
  func target(
    of reference: JSONValue, _ place: String
  ) throws(FormatError) -> (path: String, schema: JSONValue) {
    guard let text = reference.string, text.isEmpty || text.hasPrefix("#") else {
      throw Self.unsupported(
        "a reference to \(reference.text())", place + "/$ref",
        hint: "only references within the document are followed")
    }
    let pointer = try JSONPointer(
      fragment: String(text.dropFirst()), place: "JSON schema, \(place)/$ref")
    guard let target = pointer.target(in: document) else {
      throw FormatError(
        .missing, what: "there is no \(text)", place: "JSON schema, \(place)/$ref")
    }
    return (pointer.text, target)
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

  private mutating func combined(
    _ key: String, _ parts: JSONValue, _ schema: JSONObject, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    guard let schemas = parts.array, !schemas.isEmpty else {
      throw Self.malformed("\(key)", place + "/" + key, expected: "a list of schemas")
    }
    var beside = schema
    beside[key] = nil
    var earlier: [Outline] = []
    return try choice(of: Array(schemas.enumerated())) { (grammar, part) throws(FormatError) in
      let partPlace = "\(place)/\(key)/\(part.offset)"
      let part = try grammar.joined(part.element, with: beside, partPlace)
      let outline = try grammar.outline(of: part, partPlace)
      if key == "oneOf" {
        for other in earlier where try !grammar.areDisjoint(other, outline, partPlace) {
          throw Self.unsupported(
            "schemas in oneOf that one value may meet", partPlace,
            hint: "use anyOf, or give them different types, values or tags")
        }
        earlier.append(outline)
      }
      return try grammar.node(part, at: partPlace)
    }
  }

  /// The types that the values of a schema may have, all where that is not said.
  static func kinds(of schema: JSONValue) -> Set<String> {
    if let value = schema["const"] { return [kind(value)] }
    if let values = schema["enum"]?.array { return Set(values.map(kind)) }
    if let name = schema["type"]?.string { return [name] }
    if let names = schema["type"]?.array { return Set(names.compactMap(\.string)) }
    return Set(typeNames)
  }

  /// The least type of a value.
  static func kind(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool: "boolean"
    case .integer, .number: value.isWholeNumber ? "integer" : "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}
