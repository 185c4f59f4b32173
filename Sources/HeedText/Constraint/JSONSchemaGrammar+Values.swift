import HeedFormats

// What the keywords about values of one type say of a value.
extension JSONSchemaGrammar {
  /// Whether a value meets one keyword of a schema, as every value does that the keyword is not about.
  mutating func meets(
    _ value: JSONValue, _ key: String, of schema: JSONObject, _ place: String, _ depth: Int
  ) throws(FormatError) -> Bool {
    guard let condition = schema[key] else { return true }
    try countCompared(value.array?.count ?? value.object?.count ?? 0, place)
    switch value {
    case .null, .bool: return true
    case .integer, .number: return try number(value, meets: key, condition, place)
    case .string(let text): return try string(text, meets: key, condition, place)
    case .array(let items): return try array(items, meets: key, of: schema, condition, place, depth)
    case .object(let object):
      return try self.object(object, meets: key, of: schema, condition, place, depth)
    }
  }

  private func number(
    _ value: JSONValue, meets key: String, _ condition: JSONValue, _ place: String
  ) throws(FormatError) -> Bool {
    let keys = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"]
    guard keys.contains(key) else { return true }
    guard let bound = condition.number, bound.isFinite, key != "multipleOf" || bound > 0 else {
      throw Self.malformed(
        "\(key) \(condition.text())", place + "/" + key,
        expected: key == "multipleOf" ? "a number over 0" : "a number")
    }
    /// Whole numbers by all of their digits, for which floating point may have no room.
    func isBelow(_ left: JSONValue, _ right: JSONValue) -> Bool {
      if case (.integer(let first), .integer(let second)) = (left, right) { return first < second }
      return left.number ?? 0 < right.number ?? 0
    }
    switch key {
    case "minimum": return !isBelow(value, condition)
    case "exclusiveMinimum": return isBelow(condition, value)
    case "maximum": return !isBelow(condition, value)
    case "exclusiveMaximum": return isBelow(value, condition)
    default: return JSONDecimal(value).isMultiple(of: JSONDecimal(condition))
    }
  }

  private mutating func string(
    _ text: String, meets key: String, _ condition: JSONValue, _ place: String
  ) throws(FormatError) -> Bool {
    switch key {
    case "minLength": return try text.unicodeScalars.count >= count(condition, key, place)
    case "maxLength": return try text.unicodeScalars.count <= count(condition, key, place)
    case "pattern":
      guard let pattern = condition.string else {
        throw Self.malformed("the pattern", place + "/pattern", expected: "a string")
      }
      return try matches(text, pattern, place + "/pattern")
    default: return true
    }
  }

  private mutating func array(
    _ items: [JSONValue], meets key: String, of schema: JSONObject, _ condition: JSONValue,
    _ place: String, _ depth: Int
  ) throws(FormatError) -> Bool {
    switch key {
    case "minItems": return try items.count >= count(condition, key, place)
    case "maxItems": return try items.count <= count(condition, key, place)
    case "uniqueItems":
      guard let isUnique = condition.bool else {
        throw Self.malformed(
          "uniqueItems \(condition.text())", place + "/uniqueItems", expected: "true or false")
      }
      let keys = items.map(\.schemaKey)
      try countCompared(keys.reduce(0) { $0 + $1.text.utf8.count } / 8, place)
      return !isUnique || Set(keys).count == keys.count
    case "prefixItems":
      guard let first = condition.array else {
        throw Self.malformed("prefixItems", place + "/prefixItems", expected: "a list of schemas")
      }
      for (index, (item, part)) in zip(items, first).enumerated()
      where try !meets(item, part, "\(place)/prefixItems/\(index)", depth: depth + 1) {
        return false
      }
      return true
    case "items":
      for item in items.dropFirst(schema["prefixItems"]?.array?.count ?? 0)
      where try !meets(item, condition, place + "/items", depth: depth + 1) { return false }
      return true
    default: return true
    }
  }

  private mutating func object(
    _ object: JSONObject, meets key: String, of schema: JSONObject, _ condition: JSONValue,
    _ place: String, _ depth: Int
  ) throws(FormatError) -> Bool {
    switch key {
    case "minProperties": return try object.count >= count(condition, key, place)
    case "maxProperties": return try object.count <= count(condition, key, place)
    case "required":
      return try requiredNames(.object(schema), place).allSatisfy { object[$0] != nil }
    case "properties":
      for (name, part) in try parts(condition, key, place).members {
        guard let member = object[name] else { continue }
        if try !meets(member, part, "\(place)/properties/\(name)", depth: depth + 1) {
          return false
        }
      }
      return true
    case "patternProperties":
      for (pattern, part) in try parts(condition, key, place).members {
        let place = "\(place)/patternProperties/\(pattern)"
        for (name, member) in object.members where try matches(name, pattern, place) {
          if try !meets(member, part, place, depth: depth + 1) { return false }
        }
      }
      return true
    case "additionalProperties":
      let named = schema["properties"]?.object ?? JSONObject()
      let patterns = schema["patternProperties"]?.object?.keys ?? []
      members: for (name, member) in object.members where named[name] == nil {
        for pattern in patterns where try matches(name, pattern, place) { continue members }
        if try !meets(member, condition, place + "/additionalProperties", depth: depth + 1) {
          return false
        }
      }
      return true
    default: return true
    }
  }

  private func parts(
    _ condition: JSONValue, _ key: String, _ place: String
  ) throws(FormatError) -> JSONObject {
    guard let object = condition.object else {
      throw Self.malformed(key, place + "/" + key, expected: "an object")
    }
    return object
  }

  private func count(
    _ condition: JSONValue, _ key: String, _ place: String
  ) throws(FormatError) -> Int {
    guard let count = condition.integer, count >= 0 else {
      throw Self.malformed(
        "\(key) \(condition.text())", place + "/" + key, expected: "a whole number from 0 on")
    }
    return count
  }

  /// Whether a pattern stands anywhere in a text: whether both have a text in common.
  private mutating func matches(
    _ text: String, _ pattern: String, _ place: String
  ) throws(FormatError) -> Bool {
    // Long sets of characters are few states.
    try countCompared((pattern.utf8.count + text.utf8.count) / 8, place)
    let node = try ConstraintNode(
      pattern: pattern, options: .ecmaScript, place: "JSON schema, \(place)", isAnchored: false)
    do throws(FormatError) {
      _ = try common([node, .text(text)], "a pattern", place)
      return true
    } catch {
      guard error.code == .inconsistent else { throw error }
      return false
    }
  }
}
