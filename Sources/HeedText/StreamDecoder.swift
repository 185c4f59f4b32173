// Text as it comes, id by id. The text of an id depends on its neighbours: a character may be spread
// over several tokens, and many tokenizers drop the space before the first word. So the latest ids
// are decoded together with those before them, and what is new is given out, but for the beginning of
// a character. A token may end one character and begin the next: in a row of such tokens no text ever
// ends whole, and still every character is given out as soon as it is there.
//
// What was given out cannot be taken back. Where bytes turn out to be no text, and the decoder of the
// tokenizer then replaces those before them too (`ByteFallback`), the pieces keep what was text.

/// Decodes ids one by one.
///
///     var stream = StreamDecoder(tokenizer)
///     for id in ids { print(stream.next(id), terminator: "") }
///     print(stream.finish())
public struct StreamDecoder: Sendable {
  private let tokenizer: any Tokenizer
  private let skippingSpecialTokens: Bool
  /// The context of the next id, and ids whose text waits.
  private var ids: [Int] = []
  /// How many of `ids` are context alone: all of their text was given out before the latest piece.
  private var doneCount = 0
  /// The text of `ids` that was given out.
  private var given = ""
  /// How many ids came since text was given out.
  private var waitingCount = 0

  /// No character is spread over more ids than this; whoever waits longer is no character.
  private static let mostWaiting = 8
  /// How many ids without a whole text between them are decoded together.
  private static let mostTogether = 32

  /// A decoder at the beginning of a text.
  public init(_ tokenizer: any Tokenizer, skippingSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
  }

  /// The text that becomes certain with one more id; often a word, sometimes nothing.
  public mutating func next(_ id: Int) -> String {
    ids.append(id)
    waitingCount += 1
    let whole = decoded(ids[...])
    let hasWaited = waitingCount >= Self.mostWaiting
    let certain = hasWaited ? whole : Self.finished(whole)
    let text = newText(certain)
    let isWhole = certain.utf8.count == whole.utf8.count
    if text.isEmpty {
      // Silent ids are forgotten after a while, their context is not.
      if isWhole, hasWaited, !given.isEmpty {
        ids.removeLast(waitingCount)
        waitingCount = 0
      }
      return ""
    }
    waitingCount = 0
    given = certain
    if isWhole {
      forget(doneCount)
      doneCount = ids.count
    } else if ids.count > Self.mostTogether {
      forget(ids.count - Self.mostTogether / 2)
      given = Self.finished(given)
      doneCount = 0
    }
    return text
  }

  /// What was held back.
  public mutating func finish() -> String {
    let text = newText(decoded(ids[...]))
    ids = []
    doneCount = 0
    given = ""
    waitingCount = 0
    return text
  }

  /// Drops the first ids, unless nothing but silence is left: then words would begin the text again.
  private mutating func forget(_ count: Int) {
    if count == 0 { return }
    let rest = ids.dropFirst(count)
    let text = decoded(rest)
    if text.isEmpty { return }
    ids = Array(rest)
    given = text
  }

  /// What of a text was not given out yet.
  private func newText(_ text: String) -> String {
    // Scalar by scalar: a combining mark would otherwise belong to the text before.
    let shared = zip(text.unicodeScalars, given.unicodeScalars).prefix { $0 == $1 }.count
    return String(text.unicodeScalars.dropFirst(shared))
  }

  /// A text without the beginning of a character at its end.
  private static func finished(_ text: String) -> String {
    var scalars = text.unicodeScalars[...]
    while scalars.last == "\u{FFFD}" { scalars.removeLast() }
    return String(scalars)
  }

  private func decoded(_ ids: ArraySlice<Int>) -> String {
    tokenizer.decode(Array(ids), skippingSpecialTokens: skippingSpecialTokens)
  }
}
