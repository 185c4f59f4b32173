// When two values are the same to a JSON schema (2020-12 core, 4.2.2): numbers by what they are worth,
// however they are written; objects in any order of their members; texts by their code points, where
// `String` would take two spellings of an accented letter for one.

import HeedFormats

extension JSONValue {
  /// Equal for values that are the same to a schema: 1, 1.0 and 1e0.
  ///
  /// - Complexity: O(n log n) for n members and bytes.
  var schemaKey: ExactString { ExactString(normalized.text()) }

  /// True for a number without a fraction, however it is written.
  var isWholeNumber: Bool {
    switch self {
    case .integer: true
    case .number(let value): value == value.rounded()
    default: false
    }
  }

  fileprivate var normalized: JSONValue {
    switch self {
    case .number(let value): Int(exactly: value).map { .integer($0) } ?? self
    case .array(let elements): .array(elements.map(\.normalized))
    case .object(let object): .object(object.normalized)
    default: self
    }
  }
}

extension JSONObject {
  fileprivate var normalized: JSONObject {
    var result = JSONObject()
    let members = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (key, value) in members { result[key] = value.normalized }
    return result
  }
}
