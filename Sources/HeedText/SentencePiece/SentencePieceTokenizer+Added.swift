import HeedFormats

// Chat templates write special tokens as text, "<start_of_turn>user". For SentencePiece itself that is text
// like any other: a control piece is never cut out of a text, so that nobody's words can end one. What
// stands around it in published models (transformers, llama.cpp) finds such pieces first and cuts what
// lies between them, each part as a text of its own; a model without that never sees its own turns.
//
// Parts that follow a token begin with a mark of a space or not, and there are two traditions. llama.cpp
// puts it before every part, as transformers did at first ("legacy"): so do GGUF files, which only say
// whether there is such a mark at all and are made for that program. Transformers' later rule, of folders
// with "legacy": false, marks the beginning of the whole text alone.

extension SentencePieceTokenizer {
  /// Which parts of a text that is cut at tokens begin with the mark of a space.
  enum MarkedParts: Sendable {
    case every
    /// The one at the beginning of the text, unless a token stands there.
    case first
  }

  /// Pieces that are found in a text as they stand, and how the parts between them begin.
  struct AddedPieces: Sendable {
    let tokens: AddedTokens
    let marked: MarkedParts
  }

  /// Finds control, unknown and a user's own pieces in texts from now on.
  ///
  /// A user's own piece with the mark of a space in it stays SentencePiece's, which finds it in the
  /// normalised text.
  ///
  /// - Parameter described: what a folder says of some of them, such as that they take the white space
  ///   behind them.
  mutating func findPieces(
    _ marked: MarkedParts, described: [AddedToken] = [], place: String
  ) throws(FormatError) {
    var known: [Int: AddedToken] = [:]
    for token in described { known[token.id] = token }
    var found: [AddedToken] = []
    for (id, piece) in file.pieces.enumerated() {
      switch piece.kind {
      case .control, .unknown: break
      case .userDefined where piece.text.firstRange(of: SentencePieceNormalizer.mark) == nil: break
      case .normal, .userDefined, .unused, .byte: continue
      }
      let text = String(decoding: piece.text, as: UTF8.self)
      var token = AddedToken(id: id, content: text, isSpecial: piece.kind != .userDefined)
      if let other = known[id], other.content == text { token = other }
      token.isNormalized = false
      found.append(token)
    }
    do {
      added = AddedPieces(tokens: try AddedTokens(found, normalizer: nil), marked: marked)
    } catch {
      throw FormatError(.malformed, what: error.description, place: place)
    }
  }

  /// A text cut at the pieces that are found in it, and whether each part begins with a mark.
  func parts(of bytes: [UInt8]) -> [(part: AddedTokens.Part, isMarked: Bool)] {
    guard let added else { return [(.init(range: bytes.indices), true)] }
    return added.tokens.parts(of: bytes, bytes.indices, normalized: false).map { part in
      (part, added.marked == .every || part.range.lowerBound == 0)
    }
  }
}

extension SentencePieceFile {
  /// With the tokens that a folder adds behind the last piece.
  mutating func append(_ tokens: [AddedToken]) {
    var texts = Set(pieces.map(\.text))
    for token in tokens.sorted(by: { $0.id < $1.id }) where token.id == pieces.count {
      let text = Array(token.content.utf8)
      guard !text.isEmpty, texts.insert(text).inserted else { return }
      pieces.append(Piece(text: text, kind: token.isSpecial ? .control : .userDefined))
    }
  }
}
