// Several schemas that all have to be met become one that says what they say together. Where that cannot be
// said by one, the keyword is named.

import HeedFormats

extension JSONSchemaGrammar {
  /// Parts within parts: a part that needs itself has no end.
  private static let partDepthLimit = 8
  /// Parts in a document: a few that refer to each other would otherwise be merged without end.
  private static let partLimit = 10_000
  /// Members, names and values that are compared: parts may refer to the same long lists again and again.
  private static let comparisonLimit = 1_000_000

  /// The schema that says what the parts of `allOf` and the keywords beside it say.
  mutating func allOf(
    _ parts: JSONValue, _ schema: JSONObject, _ place: String, depth: Int = 0
  ) throws(FormatError) -> JSONValue {
    guard depth < Self.partDepthLimit else {
      throw FormatError(
        .limit, what: "allOf in allOf deeper than \(Self.partDepthLimit)",
        place: "JSON schema, \(place)/allOf")
    }
    guard let parts = parts.array, !parts.isEmpty else {
      throw Self.malformed("allOf", place + "/allOf", expected: "a list of schemas")
    }
    let beside = Self.conditions(of: schema, without: "allOf")
    var merged = beside
    for (index, part) in parts.enumerated() {
      let partPlace = "\(place)/allOf/\(index)"
      try countPart(partPlace)
      let isAlone = parts.count == 1 && beside.members.isEmpty
      // A part that stands alone may refer to what holds it; others are needed now.
      if isAlone { return part }
      guard let next = try resolved(part, partPlace, depth) else { continue }
      merged = try self.merged(merged, next, partPlace)
    }
    return .object(merged)
  }

  /// A part of anyOf or oneOf, or a reference, together with the keywords beside them, which hold for each part. A
  /// part that says of itself what is beside it stays as it is, so that what it refers to is there once.
  mutating func joined(
    _ part: JSONValue, with schema: JSONObject, _ place: String
  ) throws(FormatError) -> JSONValue {
    let beside = Self.conditions(of: schema)
    if beside.members.isEmpty || part == false { return part }
    if beside.keys == ["type"],
      try outline(of: part, place).written.isSubset(of: outline(of: .object(beside), place).written)
    {
      return part
    }
    try countPart(place)
    guard let own = try resolved(part, place) else { return .object(beside) }
    return .object(try merged(beside, own, place))
  }

  /// What a schema says of values, beside a keyword where one is given.
  static func conditions(of schema: JSONObject, without keyword: String? = nil) -> JSONObject {
    var result = JSONObject()
    for (key, value) in schema.members where key != keyword && !annotations.contains(key) {
      result[key] = value
    }
    return result
  }

  private mutating func countPart(_ place: String) throws(FormatError) {
    mergedParts += 1
    guard mergedParts <= Self.partLimit else {
      throw FormatError(
        .limit, what: "more than \(Self.partLimit) parts of allOf", place: "JSON schema, \(place)")
    }
  }

  /// Whether the parts of allOf say one pattern each and nothing else: that is what a schema may keep, for a
  /// text that has to match several.
  static func isOfPatterns(_ parts: JSONValue) -> Bool {
    guard let parts = parts.array, !parts.isEmpty else { return false }
    return parts.allSatisfy { part in
      part["pattern"]?.string != nil
        && part.object?.keys.allSatisfy { $0 == "pattern" || annotations.contains($0) } == true
    }
  }

  /// A part without references; nil for one that allows everything.
  mutating func resolved(
    _ part: JSONValue, _ place: String, _ depth: Int = 0
  ) throws(FormatError) -> JSONObject? {
    guard depth < Self.partDepthLimit else {
      throw Self.unsupported("keywords beside references that lead to themselves", place)
    }
    var part = part
    for _ in 0..<Self.partDepthLimit {
      if part == true { return nil }
      if part == false { throw Self.impossible("false", place) }
      guard let object = part.object else {
        throw Self.malformed("\(part.text())", place, expected: "a schema")
      }
      if let inner = object["allOf"], !Self.isOfPatterns(inner) {
        part = try allOf(inner, object, place, depth: depth + 1)
      } else if let reference = object["$ref"] {
        let target = try target(of: reference, place).schema
        let beside = Self.conditions(of: object, without: "$ref")
        if !beside.members.isEmpty {
          try countPart(place)
          guard let others = try resolved(target, place, depth + 1) else { return beside }
          return try merged(beside, others, place)
        }
        part = target
      } else {
        return object
      }
    }
    throw Self.unsupported("references to references beside other keywords", place)
  }

  /// Which of two bounds says more.
  private static let larger: Set<String> = [
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
  ]
  private static let smaller: Set<String> = [
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
  ]

  private mutating func merged(
    _ left: JSONObject, _ right: JSONObject, _ place: String
  ) throws(FormatError) -> JSONObject {
    try refuseUnsaid(left, right, place)
    var result = left
    for (key, value) in right.members where !Self.annotations.contains(key) {
      guard let present = result[key] else {
        result[key] = value
        continue
      }
      try countCompared(1, place)
      if key == "properties", let members = present.object, let others = value.object {
        try countCompared(members.count + others.count, place)
        result[key] = .object(try mergedMembers(members, others, place))
      } else if key == "required", let names = present.array, let others = value.array {
        try countCompared(names.count + others.count, place)
        let known = Set(names.map(\.schemaKey))
        result[key] = .array(names + others.filter { !known.contains($0.schemaKey) })
      } else if key == "enum", let values = present.array, let others = value.array {
        try countCompared(values.count + others.count, place)
        let keys = Set(others.map(\.schemaKey))
        result[key] = .array(values.filter { keys.contains($0.schemaKey) })
      } else if Self.larger.contains(key) || Self.smaller.contains(key), let first = present.number,
        let second = value.number
      {
        result[key] = (first < second) == Self.larger.contains(key) ? value : present
      } else if key == "pattern", present.string != nil, value.string != nil {
        if present != value { result["allOf"] = Self.joined(result["allOf"], [["pattern": value]]) }
      } else if key == "allOf", let patterns = value.array {
        result[key] = Self.joined(present, patterns)
      } else if key == "additionalProperties", present == true || value == true {
        result[key] = present == true ? value : present
      } else if key == "type", let kept = Self.common(present, value) {
        if kept.isEmpty { throw Self.impossible("types that exclude each other", place + "/type") }
        result[key] = .array(kept.map { .string($0) })
      } else if try !isSame(present, value, place) {
        if key == "const" { throw Self.impossible("two values of const", place + "/const") }
        throw Self.unsupported("\"\(key)\" that differs within allOf", place + "/" + key)
      }
    }
    return result
  }

  /// Parts behind others.
  private static func joined(_ parts: JSONValue?, _ more: [JSONValue]) -> JSONValue {
    .array((parts?.array ?? []) + more)
  }

  /// Members of both; what both name has to meet both, and may never be there where one of them says so.
  private mutating func mergedMembers(
    _ left: JSONObject, _ right: JSONObject, _ place: String
  ) throws(FormatError) -> JSONObject {
    var result = left
    for (name, schema) in right.members {
      guard let before = left[name], try !isSame(before, schema, place) else {
        result[name] = schema
        continue
      }
      // Parts of parts are parts, so that many of them do not become deep.
      let parts = before.object.flatMap { $0.count == 1 ? before["allOf"]?.array : nil }
      try countCompared(parts?.count ?? 1, place)
      result[name] =
        before == false || schema == false
        ? false : ["allOf": .array((parts ?? [before]) + [schema])]
    }
    return result
  }

  /// Refuses what two parts say together and one schema cannot.
  private mutating func refuseUnsaid(
    _ left: JSONObject, _ right: JSONObject, _ place: String
  ) throws(FormatError) {
    for (one, other) in [(left, right), (right, left)] {
      // The items of one part are also those that another names one by one.
      if let prefix = one["prefixItems"], let items = other["items"], items != true,
        try !isSame(prefix, other["prefixItems"], place)
      {
        throw Self.unsupported("items beside prefixItems of another part", place + "/items")
      }
      // Names that one part does not know are what its additional ones may be.
      guard let additional = one["additionalProperties"], additional != true else { continue }
      if let patterns = other["patternProperties"],
        try !isSame(patterns, one["patternProperties"], place)
      {
        throw Self.unsupported(
          "additionalProperties beside patternProperties of another part",
          place + "/additionalProperties")
      }
      let known = one["properties"]?.object ?? JSONObject()
      let names = other["properties"]?.object?.keys ?? []
      try countCompared(names.count, place)
      for name in names where known[name] == nil {
        throw Self.unsupported(
          "additionalProperties beside \"\(name)\" of another part",
          place + "/additionalProperties")
      }
    }
  }

  /// Whether two values are the same to a schema.
  mutating func isSame(
    _ left: JSONValue, _ right: JSONValue?, _ place: String
  ) throws(FormatError) -> Bool {
    guard let right else { return false }
    let (first, second) = (left.schemaKey, right.schemaKey)
    try countCompared((first.text.utf8.count + second.text.utf8.count) / 8, place)
    return first == second
  }

  mutating func countCompared(_ count: Int, _ place: String) throws(FormatError) {
    comparisons += count
    guard comparisons <= Self.comparisonLimit else {
      throw FormatError(
        .limit,
        what: "parts of allOf and oneOf, or listed values, of more than \(Self.comparisonLimit) "
          + "names and values",
        place: "JSON schema, \(place)")
    }
  }

  /// The types that two lists, or names, have in common; nil where there is no name of a type.
  private static func common(_ left: JSONValue, _ right: JSONValue) -> [String]? {
    func names(_ value: JSONValue) -> [String] {
      (value.array ?? [value]).compactMap(\.string).filter(typeNames.contains)
    }
    let (first, second) = (names(left), names(right))
    if first.isEmpty || second.isEmpty { return nil }
    func narrowed(_ list: [String], to others: [String]) -> [String] {
      var others = Set(others)
      if others.contains("number") { others.insert("integer") }
      return list.filter { others.contains($0) }
    }
    let kept = narrowed(first, to: second)
    let known = Set(kept)
    return kept + narrowed(second, to: first).filter { !known.contains($0) }
  }
}
