// Text as it comes, id by id. The text of an id depends on its neighbours: a character may be spread
// over several tokens, and many tokenizers drop the space before the first word. So the latest ids
// are decoded together with those before them, and what is new is given out, unless it ends in the
// middle of a character.

/// Decodes ids one by one.
///
///     var stream = StreamDecoder(tokenizer)
///     for id in ids { print(stream.next(id), terminator: "") }
///     print(stream.finish())
public struct StreamDecoder: Sendable {
  private let tokenizer: any Tokenizer
  private let skippingSpecialTokens: Bool
  /// Ids that were given out and are kept as the context of the next, then those that wait.
  private var ids: [Int] = []
  /// How many of `ids` were given out.
  private var doneCount = 0

  /// No character is spread over more ids than this; whoever waits longer is no character.
  private static let mostWaiting = 8

  /// A decoder at the beginning of a text.
  public init(_ tokenizer: any Tokenizer, skippingSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
  }

  /// The text that becomes certain with one more id; often a word, sometimes nothing.
  public mutating func next(_ id: Int) -> String {
    ids.append(id)
    let text = newText()
    let isUnfinished = text.unicodeScalars.last == "\u{FFFD}"
    let hasWaited = ids.count - doneCount >= Self.mostWaiting
    if text.isEmpty {
      // Silent ids are forgotten after a while, their context is not.
      if hasWaited, doneCount > 0 { ids.removeLast(ids.count - doneCount) }
      return ""
    }
    if isUnfinished, !hasWaited { return "" }
    ids.removeFirst(doneCount)
    doneCount = ids.count
    return text
  }

  /// What was held back.
  public mutating func finish() -> String {
    let text = newText()
    ids = []
    doneCount = 0
    return text
  }

  private func newText() -> String {
    let whole = decoded(ids[...])
    let before = doneCount == 0 ? "" : decoded(ids[..<doneCount])
    // Byte by byte: a combining mark would otherwise belong to the text before.
    let shared = zip(whole.utf8, before.utf8).prefix { $0 == $1 }.count
    return String(decoding: Array(whole.utf8.dropFirst(shared)), as: UTF8.self)
  }

  private func decoded(_ ids: ArraySlice<Int>) -> String {
    tokenizer.decode(Array(ids), skippingSpecialTokens: skippingSpecialTokens)
  }
}
