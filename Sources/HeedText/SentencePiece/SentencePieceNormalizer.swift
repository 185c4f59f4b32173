/// Changes a text as SentencePiece does before it is cut, and keeps where each byte came from.
struct SentencePieceNormalizer: Sendable {
  private let rules: SentencePieceFile.Normalization
  private let spacesAreSuffixes: Bool
  /// Symbols that stay as they are.
  private let symbols: ByteTrie

  static let mark: [UInt8] = [0xE2, 0x96, 0x81]
  private static let replacement = Array("\u{FFFD}".utf8)

  init(
    _ rules: SentencePieceFile.Normalization, spacesAreSuffixes: Bool, symbols: ByteTrie
  ) {
    self.rules = rules
    self.spacesAreSuffixes = spacesAreSuffixes
    self.symbols = symbols
  }

  /// The changed bytes, and for each of them, and for the end, the byte of `text` it came from.
  ///
  /// - Parameter isMarked: whether a mark is put before the text, where the rules have one.
  func normalized(
    _ text: [UInt8], isMarked: Bool = true
  ) -> (bytes: [UInt8], places: [Int32]) {
    var bytes: [UInt8] = []
    var places: [Int32] = []
    bytes.reserveCapacity(text.count + text.count / 4 + 8)
    places.reserveCapacity(text.count + text.count / 4 + 8)
    var place = 0
    if rules.removesExtraSpaces {
      while place < text.count {
        let (new, length) = prefix(text, place)
        guard new == [0x20] else { break }
        place += length
      }
    }
    if place == text.count { return ([], [Int32(place)]) }
    let space = rules.escapesSpaces ? Self.mark : [0x20]
    func append(_ new: some Sequence<UInt8>) {
      for byte in new {
        bytes.append(byte)
        places.append(Int32(place))
      }
    }
    if isMarked, rules.addsDummyPrefix, !spacesAreSuffixes { append(space) }
    var followsSpace = rules.removesExtraSpaces
    while place < text.count {
      var (new, length) = prefix(text, place)
      if followsSpace { new = new.drop { $0 == 0x20 } }
      if !new.isEmpty {
        for byte in new {
          if byte == 0x20 { append(space) } else { append(CollectionOfOne(byte)) }
        }
        followsSpace = new.last == 0x20
      }
      place += length
      if !rules.removesExtraSpaces { followsSpace = false }
    }
    if rules.removesExtraSpaces {
      while bytes.count >= space.count, bytes.suffix(space.count).elementsEqual(space) {
        place = Int(places[bytes.count - space.count])
        bytes.removeLast(space.count)
        places.removeLast(space.count)
      }
    }
    if rules.addsDummyPrefix, spacesAreSuffixes { append(space) }
    places.append(Int32(place))
    return (bytes, places)
  }

  /// What the text at `place` becomes, and how many bytes of it that takes.
  private func prefix(_ text: [UInt8], _ place: Int) -> (ArraySlice<UInt8>, Int) {
    if !symbols.isEmpty, let symbol = symbols.longest(in: text, from: place, end: text.count) {
      return (text[place..<symbol.end], symbol.end - place)
    }
    if let map = rules.map, let match = map.match(in: text, from: place, end: text.count) {
      return (map.text(of: match), match.length)
    }
    let decoded = text.decodedScalar(at: place, end: text.count)
    return decoded.isValid
      ? (text[place..<place + decoded.width], decoded.width) : (Self.replacement[...], 1)
  }
}
