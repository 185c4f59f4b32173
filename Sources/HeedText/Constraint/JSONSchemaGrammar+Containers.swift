import HeedFormats

// Strings, arrays and objects.
extension JSONSchemaGrammar {
  mutating func string(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    let (least, most) = try bounds("minLength", "maxLength", schema, place)
    let quote = ConstraintNode.text("\"")
    var conditions: [ConstraintNode] = []
    var seen: Set<ExactString> = []
    for (pattern, place) in patterns(of: schema, place) {
      guard let text = pattern.string else {
        throw Self.malformed("the pattern", place, expected: "a string")
      }
      guard seen.insert(ExactString(text)).inserted else { continue }
      conditions.append(
        try ConstraintNode(
          pattern: text, options: .ecmaScript, place: "JSON schema, \(place)", isAnchored: false
        ) { .jsonCharacter($0) })
    }
    if conditions.isEmpty || least > 0 || most != nil {
      conditions.append(
        .repeated(.jsonCharacter(.any), separator: nil, least: least, most: most))
    }
    let inner = try common(
      conditions,
      "patterns\(least > 0 || most != nil ? " and a length" : "") that exclude each other",
      place)
    return .sequence([quote, inner, quote])
  }

  /// All patterns of a string, and where they stand.
  private func patterns(
    of schema: JSONValue, _ place: String
  ) -> [(pattern: JSONValue, place: String)] {
    let own = schema["pattern"].map { [($0, place + "/pattern")] } ?? []
    let parts = schema["allOf"]?.array ?? []
    return own
      + parts.enumerated().compactMap { index, part in
        part["pattern"].map { ($0, "\(place)/allOf/\(index)/pattern") }
      }
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

  mutating func array(
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
    if let unique = schema["uniqueItems"], unique != true, unique != false {
      throw Self.malformed(
        "uniqueItems \(unique.text())", place + "/uniqueItems", expected: "true or false")
    }
    if schema["uniqueItems"] == true, most ?? 2 > 1 {
      return try unique(items, least, most, hasPrefix: !parts.isEmpty, place)
    }
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

  mutating func object(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    let properties = schema["properties"]?.object ?? JSONObject()
    if schema["properties"] != nil, schema["properties"]?.object == nil {
      throw Self.malformed("properties", place + "/properties", expected: "an object")
    }
    let required = try requiredNames(schema, place)
    let needed = Set(required.map { ExactString($0) })
    let additional = schema["additionalProperties"] ?? true
    var members: [(node: ConstraintNode, isRequired: Bool)] = []
    for (key, value) in properties.members {
      let isRequired = needed.contains(ExactString(key))
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
    if let patterns = schema["patternProperties"] {
      guard members.isEmpty, properties.members.isEmpty, least <= 1 else {
        throw Self.unsupported(
          "patternProperties beside other names", place + "/patternProperties")
      }
      return try object(ofPatterns: patterns, least, most, place)
    }
    let extra = try extraMember(schema, besides: properties.keys + required, place)
    if members.isEmpty, let extra, most != 0 {
      guard least <= 1 else { throw Self.uncounted(least, place) }
      return .sequence([
        .text("{"),
        .repeated(extra, separator: JSONTexts.comma, least: least, most: most), .text("}"),
      ])
    }
    if members.isEmpty {
      // Names that may not be there are kept out by having none.
      if additional == false || most == 0 || !properties.members.isEmpty {
        guard least == 0 else {
          if additional == false || most == 0 {
            throw Self.impossible("minProperties \(least)", place)
          }
          throw Self.unsupported(
            "minProperties \(least) without properties that may be there", place,
            hint: "say by additionalProperties which others may")
        }
        return .text("{}")
      }
      guard least <= 1 else { throw Self.uncounted(least, place) }
      let value =
        additional == true
        ? JSONTexts.any
        : try node(additional, at: place + "/additionalProperties")
      return JSONTexts.object(of: value, least: least, most: most)
    }
    // Of members that are not listed one is known to have a name of its own.
    let missing = least - members.count(where: \.isRequired)
    let room = most.map { $0 - members.count }
    guard missing <= 0 || missing == 1 && extra != nil && room != 0, room ?? 0 >= 0 else {
      throw Self.unsupported("a number of properties beside their names", place)
    }
    if let extra, room != 0 {
      members.append(
        (.repeated(extra, separator: JSONTexts.comma, least: 1, most: room), missing == 1))
    }
    return .sequence([.text("{"), .members(members, separator: JSONTexts.comma), .text("}")])
  }

  private static func uncounted(_ least: Int, _ place: String) -> FormatError {
    unsupported("minProperties \(least) without properties", place, hint: "names might be the same")
  }

  /// A member that a schema does not list but allows in so many words; nil where it does not, or lists none.
  private mutating func extraMember(
    _ schema: JSONValue, besides names: [String], _ place: String
  ) throws(FormatError) -> ConstraintNode? {
    guard !names.isEmpty, let value = schema["additionalProperties"], value != false else {
      return nil
    }
    return .sequence([
      .text("\""), .otherNames(names), .text("\""), JSONTexts.colon,
      try node(value, at: place + "/additionalProperties"),
    ])
  }

  /// Listed values, each at most once: in the order of the list, which is one of those that are allowed.
  private func unique(
    _ items: JSONValue, _ least: Int, _ most: Int?, hasPrefix: Bool, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    guard !hasPrefix, items["enum"] != nil || items["const"] != nil else {
      throw Self.unsupported(
        "uniqueItems of values that are not listed", place + "/uniqueItems", hint: "use enum")
    }
    var seen: Set<ExactString> = []
    let values = try listedValues(items, place + "/items")
      .filter { seen.insert($0.schemaKey).inserted }
    guard least == 0 || least == values.count, most ?? values.count >= values.count else {
      throw Self.unsupported(
        "uniqueItems with a count that is neither 0 nor all of \(values.count)",
        place + "/uniqueItems")
    }
    return .sequence([
      .text("["),
      .members(values.map { (.text($0.text()), least > 0) }, separator: JSONTexts.comma),
      .text("]"),
    ])
  }

  /// Members whose names match a pattern, which may stand anywhere in them.
  private mutating func object(
    ofPatterns patterns: JSONValue, _ least: Int, _ most: Int?, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    let place = place + "/patternProperties"
    guard let patterns = patterns.object else {
      throw Self.malformed("patternProperties", place, expected: "an object")
    }
    guard patterns.members.count == 1, let (pattern, schema) = patterns.members.first else {
      throw Self.unsupported(
        "\(patterns.members.count) patterns", place, hint: "a name may match several: give one")
    }
    let name = try ConstraintNode(
      pattern: pattern, options: .ecmaScript, place: "JSON schema, \(place)", isAnchored: false
    ) { .jsonCharacter($0) }
    let member = ConstraintNode.sequence([
      .text("\""), name, .text("\""), JSONTexts.colon, try node(schema, at: place + "/" + pattern),
    ])
    return .sequence([
      .text("{"),
      .repeated(member, separator: JSONTexts.comma, least: least, most: most), .text("}"),
    ])
  }

  /// The names of the members that have to be there, each once.
  private func requiredNames(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> [String] {
    guard let value = schema["required"] else { return [] }
    let names = (value.array ?? []).compactMap(\.string)
    guard let list = value.array, names.count == list.count else {
      throw Self.malformed("required", place + "/required", expected: "a list of names")
    }
    var seen: Set<ExactString> = []
    return names.filter { seen.insert(ExactString($0)).inserted }
  }
}
