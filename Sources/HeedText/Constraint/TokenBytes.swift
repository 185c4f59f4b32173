/// The bytes that tokens stand for in the middle of a text. Decoding one id alone would lose them: half
/// a character is no text, and many tokenizers drop the space before the first word.
extension Tokenizer {
  /// The bytes of a token behind other text; nil for a token that is no text, such as the end.
  ///
  /// The default decodes the token behind a letter, and reads `<0x0A>` as a byte.
  public func bytes(ofToken id: Int) -> [UInt8]? {
    if let pipeline = self as? PipelineTokenizer { return pipeline.pieceBytes(id) }
    if isSpecial(id) { return nil }
    if let token = token(of: id), let byte = ByteToken.byte(of: Array(token.utf8)) { return [byte] }
    for letter in ["a", "e", "t", "A", "1"] {
      guard let anchor = self.id(of: letter) else { continue }
      let before = Array(decode([anchor], skippingSpecialTokens: true).utf8)
      let both = Array(decode([anchor, id], skippingSpecialTokens: true).utf8)
      if both.starts(with: before) { return nonEmpty(Array(both.dropFirst(before.count))) }
    }
    return nonEmpty(Array(decode([id], skippingSpecialTokens: true).utf8))
  }

  private func nonEmpty(_ bytes: [UInt8]) -> [UInt8]? { bytes.isEmpty ? nil : bytes }

  private func isSpecial(_ id: Int) -> Bool {
    let special = specialTokens
    return [
      special.beginning, special.end, special.padding, special.unknown, special.separator,
      special.classification, special.mask,
    ].contains(id)
  }
}

extension PipelineTokenizer {
  /// By the vocabulary and the decoder, so that halves of characters stay what they are.
  func pieceBytes(_ id: Int) -> [UInt8]? {
    if let content = added.token(of: id) {
      return added.isSpecial(content) ? nil : Array(content.utf8)
    }
    guard let token = model.vocabulary.token(of: id).map(Array.init) else { return nil }
    guard let decoder else { return token }
    if decoder.isByteLevel { return Decoder.bytes(ofSpelled: token) }
    if let byte = ByteToken.byte(of: token) { return [byte] }
    let letter = Array("a".utf8)
    guard let parts = try? decoder.apply(to: [letter, token]) else { return nil }
    let text = Array(parts.joined())
    return text.starts(with: letter) && text.count > 1 ? Array(text.dropFirst()) : nil
  }
}

extension Decoder {
  /// Whether tokens are spelled with a letter for each byte.
  var isByteLevel: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let parts): parts.contains(where: \.isByteLevel)
    default: false
    }
  }
}
