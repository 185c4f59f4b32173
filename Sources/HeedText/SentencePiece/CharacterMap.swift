// SentencePiece compiles its rules of normalisation into a double-array trie (Aoe 1989; the layout is
// that of darts-clone): units of 32 bits in which a unit's offset leads to its children, one of which
// has the label of the next byte, and a flag says that a string ends. Its value is a place in a block
// of replacement texts that end with zero. The trie comes from a file, so every step is checked.

import HeedFormats

/// A compiled map from short byte strings to their replacements.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]
  /// Which bytes begin a string of the map at all.
  private let starts: [Bool]

  init(_ bytes: [UInt8], _ place: String) throws(FormatError) {
    guard bytes.count > 4 else { throw Self.broken("it has \(bytes.count) bytes", place) }
    func word(at offset: Int) -> UInt32 {
      UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
        | UInt32(bytes[offset + 3]) << 24
    }
    let size = Int(word(at: 0))
    guard size > 0, size % 4 == 0, size < bytes.count - 4 else {
      throw Self.broken("its trie has \(size) bytes of \(bytes.count)", place)
    }
    let units = stride(from: 4, to: 4 + size, by: 4).map(word)
    self.units = units
    replacements = Array(bytes[(4 + size)...])
    starts = (0..<256).map { Self.child(0, UInt8($0), units) != nil }
  }

  /// The map as files have it.
  var bytes: [UInt8] {
    func bytes(_ word: UInt32) -> [UInt8] {
      (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
    return bytes(UInt32(units.count * 4)) + units.flatMap(bytes) + replacements
  }

  private static func broken(_ why: String, _ place: String) -> FormatError {
    FormatError(.malformed, what: "a broken map of characters: \(why)", place: place)
  }

  private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 1 << 9) >> 6)) }

  /// The node below `node` for a byte.
  private static func child(_ node: Int, _ byte: UInt8, _ units: [UInt32]) -> Int? {
    let next = node ^ offset(units[node]) ^ Int(byte)
    // The label of a unit that holds a value has its highest bit set and matches no byte.
    guard next < units.count, units[next] & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
    return next
  }

  /// The value of the string that ends at a node.
  private func value(_ node: Int) -> Int? {
    guard units[node] >> 8 & 1 == 1 else { return nil }
    let leaf = node ^ Self.offset(units[node])
    return leaf < units.count ? Int(units[leaf] & (1 << 31 - 1)) : nil
  }

  /// A string of the map and what replaces it.
  struct Match {
    let length: Int
    let replacement: Range<Int>
  }

  /// The string of the map that begins at `start`: the longest, or the shortest.
  func match(in text: [UInt8], from start: Int, end: Int, takesShortest: Bool = false) -> Match? {
    guard start < end, starts[Int(text[start])] else { return nil }
    var node = 0
    var place = start
    var found: (length: Int, value: Int)?
    while place < end, text[place] != 0, let next = Self.child(node, text[place], units) {
      node = next
      place += 1
      if let value = value(node) {
        found = (place - start, value)
        if takesShortest { break }
      }
    }
    guard let found, found.value <= replacements.count else { return nil }
    let stop = replacements[found.value...].firstIndex(of: 0) ?? replacements.count
    return Match(length: found.length, replacement: found.value..<stop)
  }

  func text(of match: Match) -> ArraySlice<UInt8> { replacements[match.replacement] }

  /// The normaliser "Precompiled" of `tokenizer.json`: characters as people see them (grapheme
  /// clusters) of fewer than six bytes are looked up as a whole, the shortest string that fits
  /// counting for all of it; others scalar by scalar.
  func apply(to text: inout AlignedText) {
    let bytes = text.bytes
    if !bytes.contains(where: { starts[Int($0)] }) { return }
    var changed: [ChangedScalar] = []
    changed.reserveCapacity(bytes.count)
    var isChanged = false
    func replace(_ range: Range<Int>, _ oldCount: Int) -> Bool {
      guard
        let match = match(
          in: bytes, from: range.lowerBound, end: range.upperBound, takesShortest: true)
      else { return false }
      isChanged = true
      let new = Array(String(decoding: self.text(of: match), as: UTF8.self).unicodeScalars)
      let surplus = new.count - oldCount
      for (place, scalar) in new.enumerated() {
        changed.append(ChangedScalar(scalar: scalar, change: place >= oldCount ? 1 : 0))
      }
      // With nothing left the last character before takes the place of what was dropped.
      if surplus < 0, !changed.isEmpty { changed[changed.count - 1].change += surplus }
      return true
    }
    var place = 0
    for character in String(decoding: bytes, as: UTF8.self) {
      let length = character.utf8.count
      let scalars = character.unicodeScalars
      if length < 6, replace(place..<place + length, scalars.count) {
        place += length
        continue
      }
      for scalar in scalars {
        let width = UTF8.width(scalar)
        if !replace(place..<place + width, 1) {
          changed.append(ChangedScalar(scalar: scalar, change: 0))
        }
        place += width
      }
    }
    if isChanged { text.transform(changed) }
  }
}
