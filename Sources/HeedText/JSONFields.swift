import HeedFormats

/// The members of a JSON object, read with the name of each in every complaint.
struct JSONFields {
  let value: JSONValue
  let place: String

  init(_ value: JSONValue, place: String) {
    self.value = value
    self.place = place
  }

  /// The member, unless it is absent or null.
  subscript(key: String) -> JSONValue? { value[key].flatMap { $0.isNull ? nil : $0 } }

  func string(_ key: String) throws(FormatError) -> String? {
    guard let member = self[key] else { return nil }
    guard let string = member.string else { throw wrong(key, member, "a string") }
    return string
  }

  func string(_ key: String, default other: String) throws(FormatError) -> String {
    try string(key) ?? other
  }

  func required(_ key: String) throws(FormatError) -> JSONValue {
    guard let member = self[key] else {
      throw FormatError(.missing, what: "no \"\(key)\"", place: place)
    }
    return member
  }

  func requiredString(_ key: String) throws(FormatError) -> String {
    guard let string = try string(key) else {
      throw FormatError(.missing, what: "no \"\(key)\"", place: place, expected: "a string")
    }
    return string
  }

  func bool(_ key: String, default other: Bool) throws(FormatError) -> Bool {
    guard let member = self[key] else { return other }
    guard let bool = member.bool else { throw wrong(key, member, "true or false") }
    return bool
  }

  /// A whole number from 0 to `most`.
  func count(_ key: String, most: Int = 1 << 31) throws(FormatError) -> Int? {
    guard let member = self[key] else { return nil }
    guard let number = member.integer, (0...most).contains(number) else {
      throw wrong(key, member, "a whole number from 0 to \(most)")
    }
    return number
  }

  func array(_ key: String) throws(FormatError) -> [JSONFields] {
    guard let member = self[key] else { return [] }
    guard let array = member.array else { throw wrong(key, member, "an array") }
    return array.enumerated().map {
      JSONFields($0.element, place: "\(place), \(key)[\($0.offset)]")
    }
  }

  func object(_ key: String) throws(FormatError) -> JSONObject {
    guard let object = try required(key).object else {
      throw wrong(key, value[key] ?? .null, "an object")
    }
    return object
  }

  /// A member that is one character.
  func scalar(_ key: String) throws(FormatError) -> Unicode.Scalar {
    let text = try requiredString(key)
    guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
      throw wrong(key, .string(text), "one character")
    }
    return scalar
  }

  private func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> FormatError {
    FormatError(
      .malformed, what: "\"\(key)\" is \(value.text().prefix(60))", place: place,
      expected: expected)
  }

  func unsupported(_ what: String) -> FormatError {
    FormatError(.unsupported, what: what, place: place)
  }
}
