public import HeedFormats

/// One id for each character (Unicode scalar) of a fixed vocabulary.
public struct CharacterTokenizer: Tokenizer, Hashable {
  /// The characters; the place of one is its id.
  public let characters: [Unicode.Scalar]
  private let ids: [Unicode.Scalar: Int]

  /// The vocabulary of all characters of `text`, sorted.
  public init(charactersOf text: String) {
    self.init(characters: Set(text.unicodeScalars).sorted())
  }

  private init(characters: [Unicode.Scalar]) {
    self.characters = characters
    ids = Dictionary(
      characters.enumerated().map { ($0.element, $0.offset) },
      uniquingKeysWith: { first, _ in first })
  }

  /// How many characters there are.
  public var vocabularySize: Int { characters.count }

  /// One id for each character; throws for a character that has none.
  public func encode(_ text: String) throws -> [Int] {
    try text.unicodeScalars.enumerated().map { place, scalar in
      guard let id = ids[scalar] else {
        throw TokenizerError(
          "the vocabulary of \(characters.count) characters has no \"\(scalar)\" "
            + "(character \(place + 1) of the text)")
      }
      return id
    }
  }

  /// The characters of `ids`.
  public func decode(_ ids: [Int]) -> String {
    var text = String.UnicodeScalarView()
    for id in ids { text.append(characters.indices.contains(id) ? characters[id] : "\u{FFFD}") }
    return String(text)
  }

  /// As it is kept in a model folder: `{"type": "characters", "characters": "..."}`.
  public var json: JSONValue {
    [
      "type": "characters",
      "characters": .string(String(String.UnicodeScalarView(characters))),
    ]
  }

  /// - Throws: `FormatError` when `json` is no such tokenizer.
  public init(json: JSONValue, place: String) throws(FormatError) {
    guard json["type"]?.string == "characters", let text = json["characters"]?.string else {
      throw FormatError(
        .unsupported, what: "this is no character tokenizer", place: place,
        expected: #"{"type": "characters", "characters": "..."}"#)
    }
    let scalars = Array(text.unicodeScalars)
    guard Set(scalars).count == scalars.count, !scalars.isEmpty else {
      throw FormatError(
        .malformed, what: "the vocabulary is empty or names a character twice", place: place)
    }
    self.init(characters: scalars)
  }
}
