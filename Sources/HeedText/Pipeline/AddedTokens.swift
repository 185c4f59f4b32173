// Tokens that are looked for in the text before anything else happens to it: `<|endoftext|>`,
// `[MASK]`. Some are looked for in the raw text, some ("normalized") in the normalised one. At each
// place the longest one wins, and the search goes on behind it, even when it was then turned down
// because it was only part of a word.

import HeedFormats

/// A token that is found as a whole.
public struct AddedToken: Sendable, Hashable {
  /// Its id.
  public var id: Int
  /// Its text.
  public var content: String
  /// Only found where it is a word of its own.
  public var isSingleWord = false
  /// Takes the white space before it.
  public var stripsLeft = false
  /// Takes the white space behind it.
  public var stripsRight = false
  /// Looked for in the normalised text.
  public var isNormalized = false
  /// Left out when decoding without special tokens.
  public var isSpecial = false

  /// A token that is found wherever its text stands.
  public init(id: Int, content: String, isSpecial: Bool = false) {
    self.id = id
    self.content = content
    self.isSpecial = isSpecial
  }
}

/// All added tokens of a tokenizer.
struct AddedTokens: Sendable {
  private(set) var tokens: [AddedToken]
  private let placeOfID: [Int: Int]
  private let idOfContent: [ExactString: Int]
  /// What a token is in normalised text, where that differs.
  private let normalizedContents: [Int: String]
  private let specialContents: Set<ExactString>
  private let raw: ByteTrie
  private let normalized: ByteTrie

  init(_ tokens: [AddedToken], normalizer: Normalizer?) throws(TokenizerError) {
    var kept: [AddedToken] = []
    var placeOfID: [Int: Int] = [:]
    var normalizedContents: [Int: String] = [:]
    var idOfContent: [ExactString: Int] = [:]
    for token in tokens where !token.content.isEmpty {
      if let place = placeOfID[token.id] {
        kept[place] = token
      } else {
        placeOfID[token.id] = kept.count
        kept.append(token)
      }
      idOfContent[ExactString(token.content)] = token.id
      guard token.isNormalized, let normalizer else { continue }
      let bytes = Array(token.content.utf8)
      var text = AlignedText(bytes, range: 0..<bytes.count, keepsPlaces: false)
      try normalizer.apply(to: &text)
      let content = String(decoding: text.bytes, as: UTF8.self)
      if ExactString(content) != ExactString(token.content) {
        normalizedContents[token.id] = content
      }
    }
    let length = kept.reduce(0) { $0 + $1.content.utf8.count }
    var raw = ByteTrie(capacity: length)
    var normalized = ByteTrie(capacity: length)
    // The last value of a text counts: of tokens that are one text the first is found, as in the
    // reference implementation.
    for (place, token) in kept.enumerated().reversed() {
      if token.isNormalized {
        normalized.insert(
          (normalizedContents[token.id] ?? token.content).utf8, value: Int32(place))
      } else {
        raw.insert(token.content.utf8, value: Int32(place))
      }
    }
    self.tokens = kept
    self.placeOfID = placeOfID
    self.normalizedContents = normalizedContents
    self.idOfContent = idOfContent
    self.raw = raw
    self.normalized = normalized
    specialContents = Set(kept.filter(\.isSpecial).map { ExactString($0.content) })
  }

  /// The token of an id as decoders see it: as it stands in normalised text.
  func token(of id: Int) -> String? {
    guard let place = placeOfID[id] else { return nil }
    return normalizedContents[id] ?? tokens[place].content
  }

  func id(of content: String) -> Int? { idOfContent[ExactString(content)] }

  func isSpecial(_ token: String) -> Bool { specialContents.contains(ExactString(token)) }

  var hasRaw: Bool { !raw.isEmpty }
  var hasNormalized: Bool { !normalized.isEmpty }

  /// One part of a text: a token, or what lies between tokens.
  struct Part {
    var range: Range<Int>
    var token: AddedToken?
  }

  /// Cuts a range of a text at the tokens in it.
  func parts(of text: [UInt8], _ range: Range<Int>, normalized isNormalized: Bool) -> [Part] {
    let trie = isNormalized ? normalized : raw
    if trie.isEmpty || range.isEmpty { return [Part(range: range)] }
    var parts: [Part] = []
    var place = range.lowerBound
    // Everything up to here is in `parts`.
    var done = range.lowerBound
    while place < range.upperBound {
      guard let match = trie.longest(in: text, from: place, end: range.upperBound) else {
        place += 1
        continue
      }
      let token = tokens[Int(match.value)]
      var (start, end) = (place, match.end)
      place = match.end
      if token.isSingleWord, !Self.isWord(text, start..<end, in: range) { continue }
      if token.stripsLeft { start = max(Self.spaceStart(text, before: start, range), done) }
      if token.stripsRight { end = Self.spaceEnd(text, from: end, range) }
      // White space that is a token itself may have gone with the token before.
      if start >= end { continue }
      if done < start { parts.append(Part(range: done..<start)) }
      parts.append(Part(range: start..<end, token: token))
      done = end
    }
    if done < range.upperBound { parts.append(Part(range: done..<range.upperBound)) }
    return parts
  }

  private static func isWord(_ text: [UInt8], _ word: Range<Int>, in range: Range<Int>) -> Bool {
    let before = text.lastScalar(in: range.lowerBound..<word.lowerBound)
    let after = text.firstScalar(in: word.upperBound..<range.upperBound)
    return !(before?.isWordPart ?? false) && !(after?.isWordPart ?? false)
  }

  private static func spaceStart(_ text: [UInt8], before end: Int, _ range: Range<Int>) -> Int {
    var start = end
    while start > range.lowerBound {
      let previous = text.scalarStart(before: start)
      guard Unicode.Scalar(text.scalarValue(at: previous))?.isSpace ?? false else { break }
      start = previous
    }
    return start
  }

  private static func spaceEnd(_ text: [UInt8], from start: Int, _ range: Range<Int>) -> Int {
    var end = start
    while end < range.upperBound, Unicode.Scalar(text.scalarValue(at: end))?.isSpace ?? false {
      end += [UInt8].width(ofScalarLedBy: text[end])
    }
    return end
  }
}
