public import HeedFormats
public import HeedTensor

/// Reads the members of a `config.json`, each with its type, and says what is wrong where.
///
/// Members that nobody asks for are ignored; what changes the result and is not known, or
/// contradicts something else, is an error. A `null` counts as absent.
public struct ConfigReader: Sendable {
  private let config: JSONValue
  /// Where the config stands, for messages.
  public let place: String
  /// What is told of every question.
  private let asked: AskedMembers?

  /// A reader of `config`, which stands at `place`.
  public init(_ config: JSONValue, place: String) {
    self.init(config, place: place, asked: nil)
  }

  init(_ config: JSONValue, place: String, asked: AskedMembers?) {
    self.config = config
    self.place = place
    self.asked = asked
  }

  /// A member that is there and not null.
  func member(_ key: String) -> JSONValue? {
    asked?.add(key)
    return config[key].flatMap { $0.isNull ? nil : $0 }
  }

  /// Whether a member is there, be it null.
  func has(_ key: String) -> Bool {
    asked?.add(key)
    return config[key] != nil
  }

  func wrong(_ key: String, _ expected: String) -> FormatError {
    FormatError(
      member(key) == nil ? .missing : .malformed,
      what: member(key) == nil ? "\"\(key)\" is missing" : "\"\(key)\" is not \(expected)",
      place: place, expected: expected)
  }

  /// Members that contradict each other.
  public func inconsistent(_ what: String) -> FormatError {
    FormatError(.inconsistent, what: what, place: place)
  }

  /// A valid setting that cannot be honoured.
  public func unsupported(_ what: String, expected: String? = nil) -> FormatError {
    FormatError(.unsupported, what: what, place: place, expected: expected)
  }

  /// A positive whole number below 2^26, under the first of `keys` that is there; `fallback` when
  /// there is none, an error when there is no fallback either.
  public func count(_ keys: String..., default fallback: Int? = nil) throws(FormatError) -> Int {
    try count(anyOf: keys, default: fallback)
  }

  func count(anyOf keys: [String], default fallback: Int? = nil) throws(FormatError) -> Int {
    guard let key = keys.first(where: { member($0) != nil }), let value = member(key) else {
      guard let fallback else { throw wrong(keys.first ?? "", "a positive whole number") }
      return fallback
    }
    guard let count = value.integer, count > 0, count < 1 << 26 else {
      throw wrong(key, "a positive whole number below 2^26")
    }
    return count
  }

  /// A positive whole number; nil when absent.
  public func optionalCount(_ key: String) throws(FormatError) -> Int? {
    member(key) == nil ? nil : try count(key)
  }

  /// A finite number.
  public func number(_ key: String, default fallback: Double? = nil) throws(FormatError) -> Double {
    guard let value = member(key) else {
      guard let fallback else { throw wrong(key, "a number") }
      return fallback
    }
    guard let number = value.number, number.isFinite else { throw wrong(key, "a finite number") }
    return number
  }

  /// What a norm adds to a mean square: finite and not negative, or roots are no numbers.
  public func epsilon(_ key: String, default fallback: Double) throws(FormatError) -> Double {
    let value = try number(key, default: fallback)
    guard value >= 0 else { throw wrong(key, "a number from 0 on") }
    return value
  }

  /// A finite number; nil when null, `fallback` when the member is not there at all.
  public func optionalNumber(
    _ key: String, whenAbsent fallback: Double? = nil
  ) throws(FormatError) -> Double? {
    guard has(key) else { return fallback }
    return member(key) == nil ? nil : try number(key)
  }

  /// A truth value.
  public func flag(_ key: String, default fallback: Bool) throws(FormatError) -> Bool {
    guard let value = member(key) else { return fallback }
    guard let flag = value.bool else { throw wrong(key, "true or false") }
    return flag
  }

  /// Throws when a truth value is there and is not `expected`, the only one that is known.
  public func require(_ key: String, _ expected: Bool) throws(FormatError) {
    guard try flag(key, default: expected) == expected else {
      throw unsupported("\"\(key)\" is \(!expected)", expected: "\(expected)")
    }
  }

  /// One of the given words.
  public func word(
    _ key: String, of known: [String], default fallback: String
  ) throws(FormatError) -> String {
    guard let value = member(key) else { return fallback }
    guard let word = value.string else { throw wrong(key, "one of \(known)") }
    guard known.contains(word) else {
      throw unsupported(
        "\"\(key)\" is \"\(word)\"", expected: "one of \(known.joined(separator: ", "))")
    }
    return word
  }

  /// An activation by its name.
  public func activation(_ key: String, default fallback: String) throws(FormatError) -> Activation
  {
    guard let value = member(key) else { return try activation(named: fallback, key) }
    guard let name = value.string else { throw wrong(key, "the name of an activation") }
    return try activation(named: name, key)
  }

  private func activation(named name: String, _ key: String) throws(FormatError) -> Activation {
    guard let activation = Activation(configName: name) else {
      throw unsupported("\"\(key)\" names an unknown activation \"\(name)\"")
    }
    return activation
  }

  /// An id or a list of ids.
  public func tokens(_ key: String) throws(FormatError) -> [Int] {
    guard let value = member(key) else { return [] }
    let ids = value.array.map { $0.map(\.integer) } ?? [value.integer]
    let known = ids.compactMap { $0 }
    guard known.count == ids.count else { throw wrong(key, "an id or a list of ids") }
    return known
  }

  /// A whole number that is not negative.
  public func index(_ key: String, default fallback: Int) throws(FormatError) -> Int {
    guard let value = member(key) else { return fallback }
    guard let index = value.integer, index >= 0 else { throw wrong(key, "a whole number") }
    return index
  }

  /// Whole numbers that are not negative, such as layers; none when absent.
  public func indices(_ key: String) throws(FormatError) -> [Int] {
    guard let value = member(key) else { return [] }
    guard let numbers = value.array?.map(\.integer), !numbers.contains(where: { ($0 ?? -1) < 0 })
    else { throw wrong(key, "a list of whole numbers") }
    return numbers.compactMap { $0 }
  }

  /// Exactly `count` numbers.
  func numbers(_ key: String, count: Int) throws(FormatError) -> [Double] {
    guard let values = member(key)?.array?.map(\.number), values.count == count,
      !values.contains(where: { $0?.isFinite != true })
    else { throw wrong(key, "\(count) numbers") }
    return values.compactMap { $0 }
  }

  /// An object inside, read the same way; nil when absent.
  func inner(_ key: String) throws(FormatError) -> ConfigReader? {
    guard let value = member(key) else { return nil }
    guard value.object != nil else { throw wrong(key, "an object") }
    return ConfigReader(value, place: "\(place) (\(key))")
  }
}
