import HeedFormats
import HeedTensor
import HeedText
import Testing

/// Random schemas beside a validator that knows values alone: every text that a constraint lets through is
/// valid.
@Suite struct RandomSchemaTests {
  @Test("texts of random schemas are valid", arguments: 0..<8)
  func valid(seed: Int) throws {
    var schemas = RandomSchemas(seed: UInt64(seed))
    var (kept, checked) = (0, 0)
    for _ in 0..<60 {
      let schema = schemas.schema()
      guard let constraint = try? TextConstraint(jsonSchema: schema) else { continue }
      kept += 1
      var walker = ConstraintWalker(constraint, tokens: (0..<128).map { [UInt8($0)] })
      for _ in 0..<6 {
        guard let text = schemas.text(of: &walker) else { continue }
        let value = try JSONValue(parsing: text)
        #expect(isValid(value, schema), "\(text) for \(schema.text())")
        checked += 1
      }
    }
    #expect(kept > 30 && checked > 100, "\(kept) \(checked)")
  }
}

/// What JSON Schema says of a value, for the keywords that `RandomSchemas` writes.
private func isValid(_ value: JSONValue, _ schema: JSONValue) -> Bool {
  if let isAllowed = schema.bool { return isAllowed }
  func count(_ key: String, _ count: Int) -> Bool {
    count >= schema["min" + key]?.integer ?? 0 && count <= schema["max" + key]?.integer ?? .max
  }
  let anyOf = schema["anyOf"]?.array.map { parts in parts.contains { isValid(value, $0) } }
  let oneOf = schema["oneOf"]?.array.map { parts in parts.count { isValid(value, $0) } == 1 }
  guard anyOf ?? true, oneOf ?? true else { return false }
  if let values = schema["enum"]?.array, !values.contains(value) { return false }
  switch schema["type"]?.string {
  case "null": return value.isNull
  case "integer":
    guard let number = value.integer else { return false }
    return number >= schema["minimum"]?.integer ?? .min
      && number <= schema["maximum"]?.integer ?? .max
  case "string": return value.string.map { count("Length", $0.unicodeScalars.count) } ?? false
  case "array":
    guard let items = value.array, count("Items", items.count) else { return false }
    let first = schema["prefixItems"]?.array ?? []
    return items.enumerated().allSatisfy { index, item in
      isValid(item, index < first.count ? first[index] : schema["items"] ?? true)
    }
  case "object":
    guard let object = value.object, count("Properties", object.count) else { return false }
    let properties = schema["properties"]?.object ?? JSONObject()
    return (schema["required"]?.array ?? []).allSatisfy { object[$0.string ?? ""] != nil }
      && object.members.allSatisfy { name, member in
        isValid(member, properties[name] ?? schema["additionalProperties"] ?? true)
      }
  default: return true
  }
}

/// Schemas of a few levels, many of whose parts no value can meet, and texts that a walker allows.
private struct RandomSchemas {
  private var generator: RandomGenerator

  init(seed: UInt64) { generator = RandomGenerator(seed: seed) }

  private mutating func chance(_ share: Double) -> Bool {
    Double.random(in: 0..<1, using: &generator) < share
  }

  private mutating func number(_ range: ClosedRange<Int>) -> JSONValue {
    .integer(Int.random(in: range, using: &generator))
  }

  mutating func schema(depth: Int = 0) -> JSONValue {
    switch Int.random(in: depth > 2 ? 4...10 : 0...10, using: &generator) {
    case 0, 1: return object(depth)
    case 2: return array(depth)
    case 3: return [chance(0.5) ? "anyOf" : "oneOf": parts(depth, 1...3)]
    case 4: return chance(0.5) ? false : ["type": "null"]
    case 5, 6: return bounded("integer", "minimum", "maximum", -3...4)
    case 7, 8: return bounded("string", "minLength", "maxLength", 0...3)
    case 9: return ["enum": listed()]
    default: return true
    }
  }

  private mutating func listed() -> JSONValue {
    let values: [JSONValue] = [
      1, "a", .null, [1, "b"], true, -2, "ab\u{E9}", [], ["a": 1], ["ab": .null, "c": "x"],
    ]
    return .array(values.filter { _ in chance(0.4) })
  }

  private mutating func parts(_ depth: Int, _ count: ClosedRange<Int>) -> JSONValue {
    let count = Int.random(in: count, using: &generator)
    return .array((0..<count).map { _ in schema(depth: depth + 1) })
  }

  private mutating func bounded(
    _ type: String, _ least: String, _ most: String, _ range: ClosedRange<Int>
  ) -> JSONValue {
    var schema = JSONObject()
    schema["type"] = .string(type)
    if chance(0.5) { schema[least] = number(range) }
    if chance(0.5) { schema[most] = number(range) }
    if chance(0.1) { schema["anyOf"] = parts(2, 1...2) }
    if chance(0.1) { schema["enum"] = listed() }
    return .object(schema)
  }

  private mutating func array(_ depth: Int) -> JSONValue {
    var schema = bounded("array", "minItems", "maxItems", 0...3).object ?? JSONObject()
    if chance(0.8) { schema["items"] = self.schema(depth: depth + 1) }
    if chance(0.4) { schema["prefixItems"] = parts(depth, 0...2) }
    return .object(schema)
  }

  private mutating func object(_ depth: Int) -> JSONValue {
    var schema = JSONObject()
    schema["type"] = "object"
    var properties = JSONObject()
    var required: [JSONValue] = []
    for name in ["a", "b", "ab", ""] where chance(0.6) {
      properties[name] = self.schema(depth: depth + 1)
      if chance(0.25) { required.append(.string(name)) }
    }
    schema["properties"] = .object(properties)
    schema["required"] = .array(required)
    if chance(0.6) { schema["additionalProperties"] = self.schema(depth: depth + 1) }
    if chance(0.3) { schema["minProperties"] = number(0...3) }
    if chance(0.3) { schema["maxProperties"] = number(0...4) }
    if chance(0.2) { schema[chance(0.5) ? "anyOf" : "oneOf"] = parts(depth, 1...3) }
    if chance(0.1) { schema["enum"] = listed() }
    return .object(schema)
  }

  /// A text that is allowed; nil where it does not end soon, or names a member twice, which is no error of
  /// the walker.
  mutating func text(of walker: inout ConstraintWalker) -> String? {
    var (state, bytes) = (0, [UInt8]())
    while bytes.count < 300 {
      let allowed = walker.allowed(state, endTokens: [])
      let closing = allowed.filter { "\"]},:".utf8.contains(UInt8($0)) }
      if walker.accepts(state), allowed.isEmpty || chance(0.5) {
        let text = String(decoding: bytes, as: UTF8.self)
        return (try? JSONValue(parsing: text)) == nil && text.contains("{") ? nil : text
      }
      let isClosing = !closing.isEmpty && chance(bytes.count < 40 ? 0.4 : 1)
      guard let id = (isClosing ? closing : allowed).randomElement(using: &generator),
        let next = walker.next(state, token: id)
      else { return nil }
      bytes.append(UInt8(id))
      state = next
    }
    return nil
  }
}
