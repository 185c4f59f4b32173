// References by names: a part of a document may call itself by a URI (`$id`), from which on it is a document
// of its own, or have a name in the one that it belongs to (`$anchor`; JSON Schema 2020-12 core, 8.2). All of
// them are written as pointers from the root before a schema is read, so that nothing else has to know.
// A reference that leads nowhere stays as it is: whoever follows it says so.

import HeedFormats

/// The names within a document, and the places that they are names of.
struct SchemaReferences {
  /// Where the part with a URI lies.
  private var resources: [String: [String]] = ["": []]
  /// Where the names lie in each of them.
  private var anchors: [String: [String: [String]]] = [:]

  /// Members whose members are schemas, whatever their names are.
  private static let maps: Set<String> = [
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas",
  ]
  /// Values, which are no schemas even when they look like some.
  private static let values: Set<String> = ["const", "enum", "default", "examples"]

  /// The document with every reference by a name as a pointer.
  ///
  /// - Throws: `FormatError` when two parts have one name, or a name is none.
  static func resolved(_ document: JSONValue) throws(FormatError) -> JSONValue {
    var references = SchemaReferences()
    try references.collect(document, at: [], base: "", isMap: false)
    guard references.resources.count > 1 || !references.anchors.isEmpty else { return document }
    return references.rewritten(document, base: "", isMap: false)
  }

  private mutating func collect(
    _ value: JSONValue, at tokens: [String], base: String, isMap: Bool
  ) throws(FormatError) {
    if let elements = value.array {
      for (index, element) in elements.enumerated() {
        try collect(element, at: tokens + ["\(index)"], base: base, isMap: false)
      }
    }
    guard let object = value.object else { return }
    var base = base
    if !isMap {
      func name(_ name: String, key: String) throws(FormatError) {
        guard !name.isEmpty, !name.contains("/"), !name.contains("#") else {
          throw malformed("the \(key) \"\(name)\"", tokens, expected: "a name")
        }
        guard anchors[base, default: [:]].updateValue(tokens, forKey: name) == nil else {
          throw malformed("a second \(key) \"\(name)\"", tokens, expected: "different names")
        }
      }
      if let id = object["$id"]?.string, id.hasPrefix("#"), id.count > 1 {
        try name(String(id.dropFirst()), key: "$id")
      } else if let identifier = Self.identifier(of: object) {
        guard !identifier.contains("#") else {
          throw malformed(
            "the $id \"\(identifier)\"", tokens, expected: "a URI without a fragment")
        }
        base = URIReference(identifier).resolved(against: base)
        guard resources.updateValue(tokens, forKey: base).map({ $0 == tokens }) ?? true else {
          throw malformed("a second $id \"\(base)\"", tokens, expected: "different URIs")
        }
      }
      if let anchor = object["$anchor"]?.string { try name(anchor, key: "$anchor") }
    }
    for (key, member) in object.members where isMap || !Self.values.contains(key) {
      try collect(
        member, at: tokens + [key], base: base, isMap: !isMap && Self.maps.contains(key))
    }
  }

  /// The URI by which a part calls itself, without the sign of an empty fragment; older schemas name a place
  /// by a fragment alone, which is none.
  private static func identifier(of object: JSONObject) -> String? {
    guard let id = object["$id"]?.string else { return nil }
    if id.hasPrefix("#"), id.count > 1 { return nil }
    return id.hasSuffix("#") ? String(id.dropLast()) : id
  }

  private func malformed(_ what: String, _ tokens: [String], expected: String) -> FormatError {
    FormatError(
      .malformed, what: what, place: "JSON schema, \(JSONPointer(tokens).text)",
      expected: expected)
  }

  private func rewritten(_ value: JSONValue, base: String, isMap: Bool) -> JSONValue {
    if let elements = value.array {
      return .array(elements.map { rewritten($0, base: base, isMap: false) })
    }
    guard let object = value.object else { return value }
    var base = base
    if !isMap, let identifier = Self.identifier(of: object) {
      base = URIReference(identifier).resolved(against: base)
    }
    var result = JSONObject()
    for (key, member) in object.members {
      if isMap || !Self.values.contains(key) {
        result[key] = rewritten(member, base: base, isMap: !isMap && Self.maps.contains(key))
      } else {
        result[key] = member
      }
    }
    if !isMap, let reference = object["$ref"]?.string,
      let target = target(of: reference, base: base)
    {
      result["$ref"] = .string(JSONPointer(target).text)
    }
    return .object(result)
  }

  /// Where a reference leads; nil when that is nowhere in the document.
  private func target(of reference: String, base: String) -> [String]? {
    let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    let uri = URIReference(String(parts[0])).resolved(against: base)
    guard let resource = resources[uri] else { return nil }
    let fragment = parts.count > 1 ? String(parts[1]) : ""
    if let tokens = anchors[uri]?[fragment] { return tokens }
    guard let pointer = try? JSONPointer(fragment: fragment, place: "") else { return nil }
    return resource + pointer.tokens
  }
}
