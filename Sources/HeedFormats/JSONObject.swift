/// The members of a JSON object in the order of the file.
///
/// Keys are compared byte by byte: to JSON, two spellings of one accented letter are two keys, while
/// `String`'s own equality would merge them (which loses entries of real vocabularies).
public struct JSONObject: Sendable, Hashable {
  /// The keys in order.
  public private(set) var keys: [String] = []
  private var values: [JSONValue] = []
  private var places: [ExactString: Int] = [:]

  /// An empty object.
  public init() {}

  /// The number of members.
  public var count: Int { keys.count }

  /// Keys and values in order.
  public var members: [(key: String, value: JSONValue)] {
    zip(keys, values).map { (key: $0, value: $1) }
  }

  /// The value of a key; assigning nil removes the member.
  public subscript(key: String) -> JSONValue? {
    get { places[ExactString(key)].map { values[$0] } }
    set {
      let exact = ExactString(key)
      switch (places[exact], newValue) {
      case (let place?, let value?): values[place] = value
      case (nil, let value?):
        places[exact] = keys.count
        keys.append(key)
        values.append(value)
      case (let place?, nil):
        keys.remove(at: place)
        values.remove(at: place)
        places = [:]
        for (index, key) in keys.enumerated() { places[ExactString(key)] = index }
      case (nil, nil): break
      }
    }
  }

  /// Equal when all members are.
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.count == right.count && left.keys.allSatisfy { left[$0] == right[$0] }
  }

  /// Feeds all members.
  public func hash(into hasher: inout Hasher) { hasher.combine(count) }
}

/// A string that equals another only when the bytes are the same.
package struct ExactString: Sendable, Hashable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: ExactString, right: ExactString) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
  }
}
