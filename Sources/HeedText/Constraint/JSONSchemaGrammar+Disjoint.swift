// oneOf wants a value that meets one schema and no other. A text is written by one of them; that it meets no
// other is known where no value can meet two: by their types, by the values that they list, or by a member
// that one needs and that cannot be the same in the other, as unions with a tag have. Elsewhere oneOf is refused.

import HeedFormats

extension JSONSchemaGrammar {
  /// References and members that are followed to tell two schemas apart.
  private static let outlineDepthLimit = 8

  /// What is known of the values of a schema by its keywords.
  struct Outline {
    fileprivate var schema = JSONObject()
    /// The types of all that it allows.
    fileprivate var allowed = Set(typeNames)
    /// The types of what is written for it.
    var written = Set(typeNames)
    /// Listed values, by their keys.
    fileprivate var listed: Set<ExactString>?
  }

  /// Whether no value that is written for one of them meets the other, as far as that can be seen.
  mutating func areDisjoint(
    _ left: Outline, _ right: Outline, _ place: String, depth: Int = 0
  ) throws(FormatError) -> Bool {
    try countCompared(1 + min(left.listed?.count ?? 0, right.listed?.count ?? 0), place)
    if let values = left.listed, let others = right.listed {
      return values.isDisjoint(with: others)
    }
    let shared = left.written.intersection(right.allowed)
      .union(right.written.intersection(left.allowed))
    if shared.isEmpty { return true }
    guard shared == ["object"], depth < Self.outlineDepthLimit else { return false }
    if try excludes(left.schema, right.schema, place, depth) { return true }
    return try excludes(right.schema, left.schema, place, depth)
  }

  /// Whether a member that one object needs cannot be in the other.
  private mutating func excludes(
    _ object: JSONObject, _ other: JSONObject, _ place: String, _ depth: Int
  ) throws(FormatError) -> Bool {
    let others = other["properties"]?.object ?? JSONObject()
    let isClosed = other["additionalProperties"] == false && other["patternProperties"] == nil
    for name in (object["required"]?.array ?? []).compactMap(\.string) {
      try countCompared(1, place)
      guard let there = others[name] else {
        if isClosed { return true }
        continue
      }
      if there == false { return true }
      if let here = object["properties"]?[name],
        try areDisjoint(
          outline(of: here, place), outline(of: there, place), place, depth: depth + 1)
      {
        return true
      }
    }
    return false
  }

  /// What a schema says of its values itself, what it refers to, and the parts of its allOf.
  mutating func outline(
    of schema: JSONValue, _ place: String, depth: Int = 0
  ) throws(FormatError) -> Outline {
    if schema == false { return Outline(allowed: [], written: []) }
    guard let object = schema.object, depth < Self.outlineDepthLimit else { return Outline() }
    // As long as a few comparisons.
    try countCompared(4 + (object["enum"]?.array?.count ?? 0), place)
    if let reference = object["$ref"] {
      let isAlone = Self.conditions(of: object, without: "$ref").members.isEmpty
      let whole =
        isAlone
        ? try target(of: reference, place).schema
        : try resolved(schema, place).map { .object($0) } ?? true
      return try outline(of: whole, place, depth: depth + 1)
    }
    let values = object["const"].map { [$0] } ?? object["enum"]?.array
    var outline = Outline(schema: object, listed: values.map { Set($0.map(\.schemaKey)) })
    outline.allowed = Self.kinds(of: schema)
    // Numbers may be whole.
    if outline.allowed.contains("number") { outline.allowed.insert("integer") }
    outline.written = outline.allowed
    if outline.allowed.count == Self.typeNames.count {
      if Self.isAboutObjects(schema) {
        outline.written = ["object"]
      } else if Self.isAboutArrays(schema) {
        outline.written = ["array"]
      }
    }
    for part in object["allOf"]?.array ?? [] {
      let other = try self.outline(of: part, place, depth: depth + 1)
      outline.allowed.formIntersection(other.allowed)
      outline.written.formIntersection(other.written)
      outline.listed = outline.listed.map { $0.intersection(other.listed ?? $0) } ?? other.listed
    }
    return outline
  }
}
