import HeedFormats

/// What a SentencePiece model file says (`sentencepiece_model.proto`).
struct SentencePieceFile: Sendable {
  /// What a piece is for.
  enum Kind: UInt64, Sendable {
    case normal = 1
    case unknown = 2
    case control = 3
    case userDefined = 4
    case unused = 5
    case byte = 6
  }

  struct Piece: Sendable {
    var text: [UInt8] = []
    var score: Float = 0
    var kind = Kind.normal
  }

  /// How texts are changed before they are cut.
  struct Normalization: Sendable {
    var map: CharacterMap?
    var addsDummyPrefix = true
    var removesExtraSpaces = true
    var escapesSpaces = true
  }

  enum Algorithm: UInt64, Sendable {
    case unigram = 1
    case bytePair = 2
    case word = 3
    case character = 4
  }

  var pieces: [Piece] = []
  var algorithm = Algorithm.unigram
  var normalization = Normalization()
  var denormalization: CharacterMap?
  var spacesAreSuffixes = false
  var usesBytes = false
  /// Shown for unknown pieces in decoded text.
  var unknownSurface = Array(" \u{2047} ".utf8)

  init() {}

  init(_ bytes: [UInt8], place: String) throws(FormatError) {
    var reader = ProtobufReader(bytes, range: 0..<bytes.count, place: place)
    while let field = try reader.next() {
      guard case .bytes(let range) = field.value else { continue }
      switch field.number {
      case 1: pieces.append(try Self.piece(bytes, range, place))
      case 2: try readTraining(bytes, range, place)
      case 3: normalization = try Self.normalization(bytes, range, place)
      case 5: denormalization = try Self.normalization(bytes, range, place).map
      default: break
      }
    }
    guard !pieces.isEmpty else {
      throw FormatError(
        .malformed, what: "no pieces", place: place, expected: "a SentencePiece model")
    }
  }

  private static func piece(
    _ bytes: [UInt8], _ range: Range<Int>, _ place: String
  ) throws(FormatError) -> Piece {
    var piece = Piece()
    var reader = ProtobufReader(bytes, range: range, place: place)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let text)): piece.text = Array(bytes[text])
      case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
      case (3, .varint(let value)):
        guard let kind = Kind(rawValue: value) else {
          throw FormatError(
            .unsupported, what: "a piece of kind \(value)", place: place, expected: "1 to 6")
        }
        piece.kind = kind
      default: break
      }
    }
    guard !piece.text.isEmpty, piece.score.isFinite else {
      throw FormatError(
        .malformed, what: "a piece without text or with an infinite score", place: place)
    }
    return piece
  }

  private mutating func readTraining(
    _ bytes: [UInt8], _ range: Range<Int>, _ place: String
  ) throws(FormatError) {
    var reader = ProtobufReader(bytes, range: range, place: place)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (3, .varint(let value)):
        guard let known = Algorithm(rawValue: value) else {
          throw FormatError(.unsupported, what: "a model of type \(value)", place: place)
        }
        algorithm = known
      case (24, .varint(let value)): spacesAreSuffixes = value != 0
      case (35, .varint(let value)): usesBytes = value != 0
      case (44, .bytes(let text)): unknownSurface = Array(bytes[text])
      default: break
      }
    }
  }

  private static func normalization(
    _ bytes: [UInt8], _ range: Range<Int>, _ place: String
  ) throws(FormatError) -> Normalization {
    var result = Normalization()
    var reader = ProtobufReader(bytes, range: range, place: place)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (2, .bytes(let map)):
        if !map.isEmpty { result.map = try CharacterMap(Array(bytes[map]), place) }
      case (3, .varint(let value)): result.addsDummyPrefix = value != 0
      case (4, .varint(let value)): result.removesExtraSpaces = value != 0
      case (5, .varint(let value)): result.escapesSpaces = value != 0
      default: break
      }
    }
    return result
  }
}
