/// Text to ids and back.
public protocol Tokenizer: Sendable {
  /// One more than the largest id.
  var vocabularySize: Int { get }

  /// The tokens that a model treats in a way of their own.
  var specialTokens: SpecialTokens { get }

  /// The ids of `text`.
  ///
  /// - Parameter addingSpecialTokens: put around the text what the model expects there, such as a
  ///   token for the beginning.
  /// - Throws: `TokenizerError` when the vocabulary has no id for a part of it.
  func encode(_ text: String, addingSpecialTokens: Bool) throws -> [Int]

  /// One text, or two that the model reads together, as tokens with their places.
  ///
  /// - Throws: `TokenizerError` when the vocabulary has no id for a part of it.
  func encoding(
    of text: String, and second: String?, addingSpecialTokens: Bool
  ) throws -> Encoding

  /// The text of `ids`. What a tokenizer does with ids that are none is its own matter; it does not
  /// fail.
  ///
  /// - Parameter skippingSpecialTokens: leave out what is no text, such as padding.
  func decode(_ ids: [Int], skippingSpecialTokens: Bool) -> String

  /// The token of an id as the vocabulary writes it.
  func token(of id: Int) -> String?

  /// The id of a token as the vocabulary writes it.
  func id(of token: String) -> Int?
}

extension Tokenizer {
  /// The ids of `text`, with what the model expects around it.
  public func encode(_ text: String) throws -> [Int] {
    try encode(text, addingSpecialTokens: true)
  }

  /// The text of `ids`, special tokens included.
  public func decode(_ ids: [Int]) -> String { decode(ids, skippingSpecialTokens: false) }

  /// One text as tokens with their places.
  public func encoding(of text: String, addingSpecialTokens: Bool = true) throws -> Encoding {
    try encoding(of: text, and: nil, addingSpecialTokens: addingSpecialTokens)
  }

  /// A tokenizer without special tokens has none.
  public var specialTokens: SpecialTokens { SpecialTokens() }
}

/// The ids of tokens with a role; nil where a tokenizer has no such token.
public struct SpecialTokens: Sendable, Hashable {
  /// Stands before a text.
  public var beginning: Int?
  /// Stands behind a text.
  public var end: Int?
  /// Fills short sequences of a batch.
  public var padding: Int?
  /// Stands for what the vocabulary does not know.
  public var unknown: Int?
  /// Stands between two texts.
  public var separator: Int?
  /// Stands before a text that is to be classified.
  public var classification: Int?
  /// Stands for what is to be guessed.
  public var mask: Int?

  /// No special tokens.
  public init() {}
}

/// What a tokenizer cannot do.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong, where, and what would help.
  public let description: String

  /// An error that says `description`.
  public init(_ description: String) { self.description = description }
}
