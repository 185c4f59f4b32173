// The tokenizer of llama2.c: the length of the longest token, then for each token a score and its
// bytes, spaces as they are. It was made from a SentencePiece model and merges like one, so it is read
// into one.

import HeedFormats

extension SentencePieceFile {
  /// Reads a `tok*.bin`.
  ///
  /// - Throws: `FormatError` when a length does not fit.
  init(llamaTokenizer bytes: [UInt8], place: String) throws(FormatError) {
    var position = 4
    func word(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32($1 * 8) }
    }
    guard bytes.count > 12 else {
      throw FormatError(.malformed, what: "\(bytes.count) bytes are no tokenizer", place: place)
    }
    self.init()
    while position < bytes.count {
      guard bytes.count - position >= 8 else {
        throw FormatError(.malformed, what: "an unfinished token at byte \(position)", place: place)
      }
      let score = Float(bitPattern: word(position))
      let length = Int(word(position + 4))
      position += 8
      guard length > 0, length <= bytes.count - position, score.isFinite else {
        throw FormatError(
          .malformed, what: "a token of \(length) bytes at byte \(position)", place: place,
          expected: "1 to \(bytes.count - position)")
      }
      let text = Array(bytes[position..<position + length])
      position += length
      var piece = Piece(text: text, score: score)
      switch pieces.count {
      case 0:
        piece.kind = .unknown
        piece.text = Array("<unk>".utf8)
      case 1:
        piece.kind = .control
        piece.text = Array("<s>".utf8)
      case 2:
        piece.kind = .control
        piece.text = Array("</s>".utf8)
      default:
        if ByteToken.byte(of: text) != nil { piece.kind = .byte }
      }
      // Spaces become the mark, so that all SentencePiece models are alike.
      piece.text = piece.text.replacing([0x20], with: SentencePieceNormalizer.mark)
      pieces.append(piece)
    }
    algorithm = .bytePair
    usesBytes = pieces.contains { $0.kind == .byte }
    normalization.removesExtraSpaces = false
  }
}
