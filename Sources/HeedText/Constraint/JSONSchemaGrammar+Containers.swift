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
    // What nothing can meet ends the list, where it may end.
    var room = most
    var parts: [ConstraintNode] = []
    for (index, item) in first.prefix(most ?? .max).enumerated() {
      guard
        let part = try node(
          item, at: "\(place)/prefixItems/\(index)", isRequired: index < least)
      else {
        room = index
        break
      }
      parts.append(part)
    }
    let items = schema["items"] ?? true
    if let unique = schema["uniqueItems"], unique != true, unique != false {
      throw Self.malformed(
        "uniqueItems \(unique.text())", place + "/uniqueItems", expected: "true or false")
    }
    let isUnique = schema["uniqueItems"] == true && room ?? 2 > 1
    if parts.isEmpty {
      guard room != 0,
        let item = try node(items, at: place + "/items", isRequired: least > 0)
      else { return .text("[]") }
      if isUnique { return try unique(items, least, room, place) }
      return .sequence([
        .text("["), .repeated(item, separator: JSONTexts.comma, least: least, most: room),
        .text("]"),
      ])
    }
    if isUnique { throw Self.notListed(place) }
    // All that the prefix names, then what items allows.
    var body: [ConstraintNode] = []
    for (index, part) in parts.enumerated() {
      if index > 0 { body.append(JSONTexts.comma) }
      body.append(part)
    }
    let restMost = room.map { $0 - parts.count }
    let restLeast = max(0, least - parts.count)
    if restMost != 0, schema["items"] != nil || restLeast > 0,
      let item = try node(items, at: place + "/items", isRequired: restLeast > 0)
    {
      body.append(
        .repeated(
          .sequence([JSONTexts.comma, item]), separator: nil, least: restLeast, most: restMost))
    }
    return .sequence([.text("[")] + body + [.text("]")])
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
    var named: [(node: ConstraintNode, isRequired: Bool)] = []
    for (key, value) in properties.members {
      let isRequired = needed.contains(ExactString(key))
      let place = "\(place)/properties/\(key)"
      if let node = try node(value, at: place, isRequired: isRequired) {
        named.append((JSONTexts.member(key, node), isRequired))
      }
    }
    for key in required where properties[key] == nil {
      if additional == false {
        throw Self.impossible(
          "\"\(key)\" is required, but neither among the properties nor an additional one",
          place + "/required")
      }
      named.append(
        (JSONTexts.member(key, try node(additional, at: place + "/additionalProperties")), true))
    }
    let (least, most) = try bounds("minProperties", "maxProperties", schema, place)
    if let patterns = schema["patternProperties"] {
      guard named.isEmpty, properties.members.isEmpty, least <= 1 else {
        throw Self.unsupported(
          "patternProperties beside other names", place + "/patternProperties")
      }
      return try object(ofPatterns: patterns, least, most, place)
    }
    let members = ConstraintMembers(
      named: named, others: try extraMember(schema, besides: properties.keys + required, place),
      separator: JSONTexts.comma, least: least, most: most)
    if let most, most < members.requiredCount {
      throw Self.impossible(
        "maxProperties \(most) under the \(members.requiredCount) that are required", place)
    }
    if least > named.count {
      guard members.others != nil else { throw Self.tooFew(least, schema, place) }
      // Of members that are not listed one is known to have a name of its own.
      guard least == named.count + 1 else {
        throw Self.unsupported(
          "minProperties \(least) over \(named.count) properties", place,
          hint: "other names might be the same")
      }
    }
    return .sequence([.text("{"), .members(countable(members, place)), .text("}")])
  }

  /// Members that can be built again and again: where they are counted, each is a rule.
  private mutating func countable(
    _ members: ConstraintMembers, _ place: String
  ) -> ConstraintMembers {
    guard members.isCounted else { return members }
    var members = members
    members.named = members.named.map { (rule(of: $0.node, at: place), $0.isRequired) }
    members.others = members.others.map { rule(of: $0, at: place) }
    return members
  }

  /// More members than are listed and can be met, where no others are written.
  private static func tooFew(_ least: Int, _ schema: JSONValue, _ place: String) -> FormatError {
    if schema["additionalProperties"] != nil { return impossible("minProperties \(least)", place) }
    return unsupported(
      "minProperties \(least) without properties that may be there", place,
      hint: "say by additionalProperties which others may")
  }

  /// A member that a schema does not list, where it lists none or allows others in so many words; nil where
  /// there is none.
  private mutating func extraMember(
    _ schema: JSONValue, besides names: [String], _ place: String
  ) throws(FormatError) -> ConstraintNode? {
    let additional = schema["additionalProperties"]
    guard names.isEmpty || additional != nil,
      let value = try node(
        additional ?? true, at: place + "/additionalProperties", isRequired: false)
    else { return nil }
    let name =
      names.isEmpty
      ? JSONTexts.string : .sequence([.text("\""), .otherNames(names), .text("\"")])
    return .sequence([name, JSONTexts.colon, value])
  }

  /// Listed values, each at most once: in the order of the list, which is one of those that are allowed.
  private mutating func unique(
    _ items: JSONValue, _ least: Int, _ most: Int?, _ place: String
  ) throws(FormatError) -> ConstraintNode {
    guard items["enum"] != nil || items["const"] != nil else { throw Self.notListed(place) }
    var seen: Set<ExactString> = []
    let values = try listedValues(items, place + "/items")
      .filter { seen.insert($0.schemaKey).inserted }
    guard least <= values.count else {
      throw Self.impossible(
        "minItems \(least) over the \(values.count) different values", place)
    }
    return .sequence([
      .text("["),
      .members(
        ConstraintMembers(
          named: values.map { (.text($0.text()), least == values.count) },
          separator: JSONTexts.comma, least: least, most: most)),
      .text("]"),
    ])
  }

  private static func notListed(_ place: String) -> FormatError {
    unsupported(
      "uniqueItems of values that are not listed", place + "/uniqueItems", hint: "use enum")
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
    guard
      let value = try node(schema, at: place + "/" + pattern, isRequired: least > 0)
    else { return .text("{}") }
    let member = ConstraintNode.sequence([
      .text("\""), name, .text("\""), JSONTexts.colon, value,
    ])
    return .sequence([
      .text("{"),
      .repeated(member, separator: JSONTexts.comma, least: least, most: most), .text("}"),
    ])
  }

  /// The names of the members that have to be there, each once.
  func requiredNames(
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
