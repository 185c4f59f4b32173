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
  public func encode(_ text: String, addingSpecialTokens: Bool) throws -> [Int] {
    try text.unicodeScalars.enumerated().map { place, scalar in
      guard let id = ids[scalar] else {
        throw TokenizerError(
          "the vocabulary of \(characters.count) characters has no \"\(scalar)\" "
            + "(character \(place + 1) of the text)")
      }
      return id
    }
  }

  /// One token a character; a second text follows the first without anything between.
  public func encoding(
    of text: String, and second: String?, addingSpecialTokens: Bool
  ) throws -> Encoding {
    var result = Encoding()
    for (number, text) in [text, second].compactMap({ $0 }).enumerated() {
      var part = Encoding()
      part.ids = try encode(text, addingSpecialTokens: addingSpecialTokens)
      part.tokens = text.unicodeScalars.map { String($0) }
      part.offsets = part.ids.indices.map { $0..<$0 + 1 }
      part.words = part.ids.indices.map { $0 }
      part.specialTokensMask = [Int](repeating: 0, count: part.count)
      part.attentionMask = [Int](repeating: 1, count: part.count)
      part.setType(number)
      part.setSequence(number)
      result.append(part)
    }
    return result
  }

  /// The characters of `ids`; U+FFFD for ids that are none.
  public func decode(_ ids: [Int], skippingSpecialTokens: Bool) -> String {
    var text = String.UnicodeScalarView()
    for id in ids { text.append(characters.indices.contains(id) ? characters[id] : "\u{FFFD}") }
    return String(text)
  }

  /// The character of an id.
  public func token(of id: Int) -> String? {
    characters.indices.contains(id) ? String(characters[id]) : nil
  }

  /// The id of a character.
  public func id(of token: String) -> Int? {
    let scalars = token.unicodeScalars
    return scalars.count == 1 ? scalars.first.flatMap { ids[$0] } : nil
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
