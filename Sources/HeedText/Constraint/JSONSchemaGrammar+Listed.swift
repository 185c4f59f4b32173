// enum and const list all values there are, so that what else a schema says only selects among them: each is
// looked at by itself. Here every known keyword may stand beside every other, also those that no texts could be
// written for, as schemas of oneOf that overlap. A keyword holds for the values that it is about and says
// nothing of others, as JSON Schema has it.

import HeedFormats

extension JSONSchemaGrammar {
  /// Schemas within schemas, references followed.
  private static let valueDepthLimit = 64

  /// The values that a schema lists and that meet what else it says, in the order of the list.
  ///
  /// - Throws: `FormatError`, `inconsistent` when there are none.
  mutating func listedValues(
    _ schema: JSONValue, _ place: String
  ) throws(FormatError) -> [JSONValue] {
    let list = schema["const"].map { [$0] } ?? schema["enum"]?.array
    guard let list else {
      throw Self.malformed("enum", place + "/enum", expected: "a list of values")
    }
    // A value that is listed is one of the list.
    let others = Self.conditions(
      of: schema.object ?? JSONObject(), without: schema["const"] == nil ? "enum" : "const")
    if others.members.isEmpty, !list.isEmpty { return list }
    var values: [JSONValue] = []
    for value in list where try meets(value, .object(others), place) { values.append(value) }
    if values.isEmpty { throw Self.impossible("a list without a value that fits", place) }
    return values
  }

  /// Whether a value is valid, by all that a schema says.
  mutating func meets(
    _ value: JSONValue, _ schema: JSONValue, _ place: String, depth: Int = 0
  ) throws(FormatError) -> Bool {
    guard depth < Self.valueDepthLimit else {
      throw FormatError(
        .limit, what: "deeper than \(Self.valueDepthLimit) levels", place: "JSON schema, \(place)")
    }
    if let isAllowed = schema.bool { return isAllowed }
    guard let object = schema.object else {
      throw Self.malformed(
        "\(schema.text())", place, expected: "a schema: an object, true or false")
    }
    try refuseUnknown(object, place)
    for (key, condition) in object.members where !Self.annotations.contains(key) {
      // Names and schemas are gone through for each value; listed ones are counted one by one.
      let length = condition.array?.count ?? condition.object?.count ?? 0
      try countCompared(key == "enum" ? 1 : 1 + length, place)
      let isMet =
        switch key {
        case "type": try isOfType(value, condition, place)
        case "const", "enum": try isListed(value, key, condition, place)
        case "$ref":
          try meets(value, target(of: condition, place).schema, place, depth: depth + 1)
        case "allOf", "anyOf", "oneOf": try meetsParts(value, key, condition, place, depth)
        default: try meets(value, key, of: object, place, depth)
        }
      if !isMet { return false }
    }
    return true
  }

  private func isOfType(
    _ value: JSONValue, _ type: JSONValue, _ place: String
  ) throws(FormatError) -> Bool {
    let (names, kind) = (try named(type, place), Self.kind(value))
    return names.contains(kind) || kind == "integer" && names.contains("number")
  }

  private mutating func isListed(
    _ value: JSONValue, _ key: String, _ condition: JSONValue, _ place: String
  ) throws(FormatError) -> Bool {
    guard let list = key == "const" ? [condition] : condition.array else {
      throw Self.malformed("enum", place + "/enum", expected: "a list of values")
    }
    for other in list where try isSame(value, other, place) { return true }
    return false
  }

  private mutating func meetsParts(
    _ value: JSONValue, _ key: String, _ condition: JSONValue, _ place: String, _ depth: Int
  ) throws(FormatError) -> Bool {
    guard let parts = condition.array, !parts.isEmpty else {
      throw Self.malformed("\(key)", place + "/" + key, expected: "a list of schemas")
    }
    var count = 0
    for (index, part) in parts.enumerated()
    where try meets(value, part, "\(place)/\(key)/\(index)", depth: depth + 1) { count += 1 }
    return key == "allOf" ? count == parts.count : key == "anyOf" ? count > 0 : count == 1
  }
}
