extension PipelineTokenizer {
  /// One text, or two that the model reads together, as tokens with their places.
  public func encoding(
    of text: String, and second: String?, addingSpecialTokens: Bool
  ) throws(TokenizerError) -> Encoding {
    try encoding(
      of: text, and: second, addingSpecialTokens: addingSpecialTokens, truncation: nil,
      padding: nil)
  }

  /// One text, or two that the model reads together, cut and padded.
  ///
  /// - Throws: `TokenizerError` when the vocabulary has no id for a part of it, or the truncation
  ///   cannot be kept.
  public func encoding(
    of text: String, and second: String? = nil, addingSpecialTokens: Bool = true,
    truncation: Truncation?, padding: Padding? = nil
  ) throws(TokenizerError) -> Encoding {
    var first = try tokens(of: text)
    var other: Encoding?
    if let second { other = try tokens(of: second) }
    other?.setType(1)
    if let truncation {
      let added =
        addingSpecialTokens ? postProcessor?.addedCount(isPair: second != nil) ?? 0 : 0
      try truncation.cut(&first, &other, added: added)
    }
    var parts = [first] + (other.map { [$0] } ?? [])
    for place in parts.indices {
      parts[place].setType(place)
      parts[place].setSequence(place)
    }
    if let postProcessor {
      parts = try postProcessor.process(parts, addsSpecialTokens: addingSpecialTokens)
    }
    var result = parts.first ?? Encoding()
    for part in parts.dropFirst() { result.append(part) }
    guard let padding else { return result }
    var batch = [result]
    padding.pad(&batch)
    return batch[0]
  }

  /// Several texts, padded to one length.
  ///
  /// - Throws: as for one text.
  public func encodings(
    of texts: [String], addingSpecialTokens: Bool = true, truncation: Truncation? = nil,
    padding: Padding? = nil
  ) throws(TokenizerError) -> [Encoding] {
    var batch: [Encoding] = []
    for text in texts {
      batch.append(
        try encoding(
          of: text, and: nil, addingSpecialTokens: addingSpecialTokens, truncation: truncation))
    }
    padding?.pad(&batch)
    return batch
  }

  /// The tokens of a text with nothing around them.
  private func tokens(of text: String) throws(TokenizerError) -> Encoding {
    let bytes = Array(text.utf8)
    try Self.checkLength(bytes.count)
    let places = CodePointPlaces(bytes)
    var result = Encoding()
    var word = 0
    var scratch = BytePairScratch(byteCount: 0)
    var run = TokenRun(keepsPlaces: true)
    func append(_ id: Int, _ token: String, _ range: Range<Int>) {
      result.ids.append(id)
      result.tokens.append(token)
      result.offsets.append(places[range.lowerBound]..<places[range.upperBound])
      result.words.append(word)
    }
    for part in added.parts(of: bytes, 0..<bytes.count, normalized: false) {
      if let token = part.token {
        append(token.id, String(decoding: bytes[part.range], as: UTF8.self), part.range)
        word += 1
        continue
      }
      var aligned = AlignedText(bytes, range: part.range, keepsPlaces: true)
      try normalizer?.apply(to: &aligned)
      for section in added.parts(of: aligned.bytes, aligned.fullRange, normalized: true) {
        if section.range.isEmpty { continue }
        let original = aligned.originalRange(section.range) ?? part.range
        if let token = section.token {
          append(
            token.id, String(decoding: aligned.bytes[section.range], as: UTF8.self), original)
          word += 1
          continue
        }
        let piece = TextPiece(aligned, range: section.range, originalStart: original.lowerBound)
        for piece in try pieces(piece) {
          run.removeAll()
          try model.append(piece.text.bytes, piece.range, to: &run, &scratch)
          for (place, id) in run.ids.enumerated() {
            let start = piece.range.lowerBound + Int(run.starts[place])
            let end = piece.range.lowerBound + Int(run.ends[place])
            let range =
              piece.text.originalRange(start..<end) ?? piece.originalStart..<piece.originalStart
            append(id, spelling(of: id, piece.text.bytes, start..<end), range)
          }
          word += 1
        }
      }
    }
    result.specialTokensMask = [Int](repeating: 0, count: result.count)
    result.attentionMask = [Int](repeating: 1, count: result.count)
    result.typeIDs = result.specialTokensMask
    result.sequences = [Int?](repeating: 0, count: result.count)
    return result
  }

  private func spelling(of id: Int, _ bytes: [UInt8], _ range: Range<Int>) -> String {
    if id == model.shownAsText { return String(decoding: bytes[range], as: UTF8.self) }
    return model.vocabulary.token(of: id).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

/// How many code points lie before each byte of a text.
struct CodePointPlaces {
  private let counts: [Int32]?
  private let byteCount: Int

  init(_ bytes: [UInt8]) {
    byteCount = bytes.count
    guard bytes.contains(where: { $0 >= 0x80 }) else {
      counts = nil
      return
    }
    var counts: [Int32] = []
    counts.reserveCapacity(bytes.count + 1)
    var count: Int32 = 0
    for byte in bytes {
      if byte & 0xC0 != 0x80 { count += 1 }
      counts.append(count - 1)
    }
    counts.append(count)
    self.counts = counts
  }

  subscript(place: Int) -> Int {
    let place = min(max(place, 0), byteCount)
    return counts.map { Int($0[place]) } ?? place
  }
}
