// Several schemas that all have to be met become one that says what they say together. Where that cannot be
// said by one, the keyword is named.

import HeedFormats

extension JSONSchemaGrammar {
  /// Parts within parts: a part that needs itself has no end.
  private static let partDepthLimit = 8
  /// Parts in a document: a few that refer to each other would otherwise be merged without end.
  private static let partLimit = 10_000

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
    var beside = JSONObject()
    for (key, value) in schema.members where key != "allOf" && !Self.annotations.contains(key) {
      beside[key] = value
    }
    var merged = beside
    for (index, part) in parts.enumerated() {
      let partPlace = "\(place)/allOf/\(index)"
      mergedParts += 1
      guard mergedParts <= Self.partLimit else {
        throw FormatError(
          .limit, what: "more than \(Self.partLimit) parts of allOf",
          place: "JSON schema, \(partPlace)")
      }
      let isAlone = parts.count == 1 && beside.members.isEmpty
      // A part that stands alone may refer to what holds it; others are needed now.
      if isAlone { return part }
      guard let next = try resolved(part, partPlace, depth) else { continue }
      merged = try Self.merged(merged, next, partPlace)
    }
    return .object(merged)
  }

  /// A part without references; nil for one that allows everything.
  private mutating func resolved(
    _ part: JSONValue, _ place: String, _ depth: Int
  ) throws(FormatError) -> JSONObject? {
    var part = part
    for _ in 0..<Self.partDepthLimit {
      if part == true { return nil }
      guard let object = part.object else {
        throw Self.malformed("\(part.text())", place, expected: "a schema")
      }
      if let inner = object["allOf"] {
        part = try allOf(inner, object, place, depth: depth + 1)
      } else if let reference = object["$ref"] {
        part = try target(of: reference, place).schema
      } else {
        return object
      }
    }
    throw Self.unsupported("references to references within allOf", place)
  }

  /// Which of two bounds says more.
  private static let larger: Set<String> = [
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
  ]
  private static let smaller: Set<String> = [
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
  ]

  private static func merged(
    _ left: JSONObject, _ right: JSONObject, _ place: String
  ) throws(FormatError) -> JSONObject {
    for (one, other) in [(left, right), (right, left)] {
      // The items of one part are also those that another names one by one.
      if let prefix = one["prefixItems"], other["prefixItems"] != prefix,
        let items = other["items"], items != true
      {
        throw unsupported("items beside prefixItems of another part", place + "/items")
      }
      // Names that one part does not know are what its additional ones may be.
      guard let additional = one["additionalProperties"], additional != true else { continue }
      if let patterns = other["patternProperties"], patterns != one["patternProperties"] {
        throw unsupported(
          "additionalProperties beside patternProperties of another part",
          place + "/additionalProperties")
      }
      let known = Set(one["properties"]?.object?.keys ?? [])
      for name in other["properties"]?.object?.keys ?? [] where !known.contains(name) {
        throw unsupported(
          "additionalProperties beside \"\(name)\" of another part",
          place + "/additionalProperties")
      }
    }
    var result = left
    for (key, value) in right.members where !annotations.contains(key) {
      guard let present = result[key], present != value else {
        result[key] = value
        continue
      }
      if key == "properties", var members = present.object, let others = value.object {
        for (name, schema) in others.members {
          let before = members[name]
          members[name] =
            before == nil || before == schema ? schema : ["allOf": [before ?? true, schema]]
        }
        result[key] = .object(members)
      } else if key == "required", let names = present.array, let others = value.array {
        let known = Set(names.compactMap(\.string))
        result[key] = .array(
          names + others.filter { $0.string.map { !known.contains($0) } ?? true })
      } else if key == "enum", let values = present.array, let others = value.array {
        result[key] = .array(values.filter { others.contains($0) })
      } else if larger.contains(key) || smaller.contains(key), let first = present.number,
        let second = value.number
      {
        result[key] = (first < second) == larger.contains(key) ? value : present
      } else if key == "type", let kept = common(present, value) {
        result[key] = kept
      } else {
        throw unsupported("\"\(key)\" that differs within allOf", place + "/" + key)
      }
    }
    return result
  }

  /// The types that two lists, or names, have in common; nil when there are none.
  private static func common(_ left: JSONValue, _ right: JSONValue) -> JSONValue? {
    let (first, second) = (left.array ?? [left], right.array ?? [right])
    func holds(_ list: [JSONValue], _ type: JSONValue) -> Bool {
      list.contains(type) || type == "integer" && list.contains("number")
    }
    let kept =
      first.filter { holds(second, $0) } + second.filter { holds(first, $0) && !first.contains($0) }
    return kept.isEmpty ? nil : .array(kept)
  }
}
