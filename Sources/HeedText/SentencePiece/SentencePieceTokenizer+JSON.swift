import HeedFormats

// A SentencePiece model as the `tokenizer.json` that other programs read. Scores of merged pieces become an
// order of merges: for every piece, all the pairs of pieces that make it, the best piece first.
//
// Texts are not cut into words before the model sees them, because SentencePiece, too, sees the whole
// text: the ids are the same. What differs, as in every such file: control pieces that stand in a text
// are found there; the text between pieces of a user's own is taken for a text by itself, with its marks
// of spaces; unused pieces are known to a unigram model, as unlikely as the rarest; and unknown pieces
// show their own names.

extension SentencePieceTokenizer {
  /// The same tokenizer as the content of a `tokenizer.json`.
  var json: JSONValue {
    func framing(_ id: Int?, if isAdded: Bool) -> TokenizerJSON.Token? {
      guard isAdded, let id, let text = token(of: id) else { return nil }
      return (id, text)
    }
    let added = file.pieces.enumerated().compactMap { id, piece in
      switch piece.kind {
      case .control, .unknown, .userDefined:
        (id, String(decoding: piece.text, as: UTF8.self), piece.kind != .userDefined)
      case .normal, .unused, .byte: nil as (Int, String, Bool)?
      }
    }
    return [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": TokenizerJSON.added(added), "normalizer": normalizerJSON,
      "pre_tokenizer": preTokenizerJSON,
      "post_processor": TokenizerJSON.frame(
        before: framing(specialTokens.beginning, if: addsBeginning),
        after: framing(specialTokens.end, if: addsEnd)),
      "decoder": decoderJSON,
      "model": file.algorithm == .unigram ? unigramJSON : bytePairJSON,
    ]
  }

  private static let mark = "\u{2581}"

  private var normalizerJSON: JSONValue {
    let rules = file.normalization
    var stages: [JSONValue] = []
    if let map = rules.map {
      stages.append([
        "type": "Precompiled", "precompiled_charsmap": .string(Base64.encode(map.bytes)),
      ])
    }
    if rules.removesExtraSpaces {
      // Spaces alone, unlike a stage that strips every kind of white space; the first one of a text is
      // left for the mark.
      stages.append(TokenizerJSON.replacement(["Regex": #" +(?![\s\S])"#], ""))
      stages.append(TokenizerJSON.replacement(["Regex": " {2,}"], " "))
    } else if rules.addsDummyPrefix, added?.marked != .first {
      stages.append(["type": "Prepend", "prepend": .string(Self.mark)])
    }
    stages.append(TokenizerJSON.replacement(["String": " "], Self.mark))
    return TokenizerJSON.sequence("normalizers", stages)
  }

  /// Puts a mark before a text that begins with none. Where spaces stay, a text that begins with one
  /// gets a second, which only a normaliser does, and before every part.
  private var preTokenizerJSON: JSONValue {
    let rules = file.normalization
    guard rules.removesExtraSpaces || rules.addsDummyPrefix && added?.marked == .first else {
      return .null
    }
    let scheme =
      if !rules.addsDummyPrefix { "never" } else if added?.marked == .every { "always" } else {
        "first"
      }
    return [
      "type": "Metaspace", "replacement": .string(Self.mark), "prepend_scheme": .string(scheme),
      "split": false,
    ]
  }

  private var decoderJSON: JSONValue {
    var stages: [JSONValue] = [TokenizerJSON.replacement(["String": .string(Self.mark)], " ")]
    if file.usesBytes { stages.append(["type": "ByteFallback"]) }
    stages.append(["type": "Fuse"])
    if file.normalization.addsDummyPrefix || file.normalization.removesExtraSpaces {
      stages.append(["type": "Strip", "content": " ", "start": 1, "stop": 0])
    }
    return TokenizerJSON.sequence("decoders", stages)
  }

  private var unigramJSON: JSONValue {
    let least = file.pieces.filter { $0.kind == .normal }.map(\.score).min() ?? 0
    let pieces = file.pieces.map { piece -> JSONValue in
      let score = piece.kind == .unused ? least : piece.score
      return [.string(String(decoding: piece.text, as: UTF8.self)), .number(Double(score))]
    }
    return [
      "type": "Unigram", "unk_id": .integer(unknownID), "vocab": .array(pieces),
      "byte_fallback": .bool(file.usesBytes),
    ]
  }

  private var bytePairJSON: JSONValue {
    var vocabulary = JSONObject()
    for (id, piece) in file.pieces.enumerated() {
      vocabulary[String(decoding: piece.text, as: UTF8.self)] = .integer(id)
    }
    return [
      "type": "BPE", "dropout": .null, "unk_token": .string(token(of: unknownID) ?? ""),
      "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": true,
      "byte_fallback": .bool(file.usesBytes), "ignore_merges": false, "vocab": .object(vocabulary),
      "merges": .array(merges.map { .string($0) }),
    ]
  }

  /// All pairs of pieces that make a piece, in the order in which SentencePiece merges them.
  private var merges: [String] {
    var pairs: [(score: Float, id: Int, left: Int, right: Int)] = []
    func piece(_ text: [UInt8], _ range: Range<Int>) -> Int? {
      normal.id(of: text, range).flatMap { file.pieces[$0].kind == .normal ? $0 : nil }
    }
    for (id, whole) in file.pieces.enumerated() where whole.kind == .normal {
      let text = whole.text
      var place = 0
      while place < text.count {
        place += [UInt8].width(ofScalarLedBy: text[place])
        guard place < text.count else { break }
        guard let left = piece(text, 0..<place), let right = piece(text, place..<text.count) else {
          continue
        }
        pairs.append((whole.score, id, left, right))
      }
    }
    pairs.sort { one, other in
      one.score == other.score
        ? (one.id, one.left, one.right) < (other.id, other.left, other.right)
        : one.score > other.score
    }
    return pairs.map { pair in
      let texts = [pair.left, pair.right].map {
        String(decoding: file.pieces[$0].text, as: UTF8.self)
      }
      return texts.joined(separator: " ")
    }
  }
}
