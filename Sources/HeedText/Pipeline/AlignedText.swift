// A text that is being changed, and for each of its bytes the place in the original text that the
// byte stands for. Normalisers and pre-tokenisers change and cut such texts; offsets of tokens are
// read off at the end. Where nobody asks for offsets the places are not kept, which makes the same
// code several times as fast.

/// UTF-8 bytes, each with the bytes of the original that it stands for.
struct AlignedText: Sendable {
  private(set) var bytes: [UInt8]
  /// First byte of the original for each byte; empty when places are not kept.
  private var starts: [Int32]
  /// Past the last byte of the original for each byte.
  private var ends: [Int32]
  let keepsPlaces: Bool
  /// Bytes that the text may come to have: a tokenizer is not trusted to stop by itself.
  let longest: Int

  /// The part `range` of a text, unchanged.
  init(_ original: [UInt8], range: Range<Int>, keepsPlaces: Bool) {
    bytes = range == 0..<original.count ? original : Array(original[range])
    starts = []
    ends = []
    self.keepsPlaces = keepsPlaces
    longest = max(1 << 20, 64 * range.count)
    guard keepsPlaces else { return }
    starts.reserveCapacity(bytes.count)
    ends.reserveCapacity(bytes.count)
    var place = range.lowerBound
    while place < range.upperBound {
      let width = min([UInt8].width(ofScalarLedBy: original[place]), range.upperBound - place)
      for _ in 0..<width {
        starts.append(Int32(place))
        ends.append(Int32(place + width))
      }
      place += width
    }
  }

  var isEmpty: Bool { bytes.isEmpty }
  var fullRange: Range<Int> { 0..<bytes.count }

  /// The bytes of the original that a range stands for; nil when places are not kept or the range
  /// is empty or outside.
  func originalRange(_ range: Range<Int>) -> Range<Int>? {
    guard keepsPlaces, !range.isEmpty, range.lowerBound >= 0, range.upperBound <= starts.count
    else { return nil }
    let start = Int(starts[range.lowerBound])
    return start..<max(start, Int(ends[range.upperBound - 1]))
  }

  /// The part of a text as a text.
  func slice(_ range: Range<Int>) -> AlignedText {
    if range == fullRange { return self }
    var part = self
    part.bytes = Array(bytes[range])
    if keepsPlaces {
      part.starts = Array(starts[range])
      part.ends = Array(ends[range])
    }
    return part
  }

  /// Replaces the whole text by `scalars`; the first `removed` scalars of the old one are dropped.
  mutating func transform(_ scalars: some Sequence<ChangedScalar>, removed: Int = 0) {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    guard keepsPlaces else {
      for changed in scalars { result.append(changed.scalar) }
      bytes = result
      return
    }
    var newStarts: [Int32] = []
    var newEnds: [Int32] = []
    newStarts.reserveCapacity(bytes.count)
    newEnds.reserveCapacity(bytes.count)
    var place = skipping(removed, from: 0)
    for changed in scalars {
      // An inserted scalar stands where the one before it stands.
      let source = changed.change > 0 ? place - 1 : min(place, bytes.count - 1)
      let (start, end) = source >= 0 ? (starts[source], ends[source]) : (0, 0)
      if changed.change <= 0 { place = skipping(1 - changed.change, from: place) }
      let before = result.count
      result.append(changed.scalar)
      for _ in before..<result.count {
        newStarts.append(start)
        newEnds.append(end)
      }
    }
    (bytes, starts, ends) = (result, newStarts, newEnds)
  }

  private func skipping(_ count: Int, from start: Int) -> Int {
    var place = start
    for _ in 0..<count where place < bytes.count {
      place = min(place + [UInt8].width(ofScalarLedBy: bytes[place]), bytes.count)
    }
    return place
  }

  /// The scalars of the text.
  var scalars: String.UnicodeScalarView { String(decoding: bytes, as: UTF8.self).unicodeScalars }

  /// True when all scalars lie below `limit`, which is at most 0x800.
  func isBelow(_ limit: UInt32) -> Bool {
    // The lead byte decides for scalars of two bytes but for the last six bits.
    for (place, byte) in bytes.enumerated() where byte >= 0xC0 {
      if byte >= 0xE0 || bytes.scalarValue(at: place) >= limit { return false }
    }
    return limit >= 0x80 || bytes.allSatisfy { UInt32($0) < limit }
  }

  /// Keeps the scalars that `isKept` accepts.
  mutating func filter(_ isKept: (Unicode.Scalar) -> Bool) {
    var kept: [ChangedScalar] = []
    var removedBefore = 0
    var removed = 0
    for scalar in scalars {
      if isKept(scalar) {
        if kept.isEmpty { removedBefore = removed } else { kept[kept.count - 1].change = -removed }
        kept.append(ChangedScalar(scalar: scalar, change: 0))
        removed = 0
      } else {
        removed += 1
      }
    }
    if kept.isEmpty { removedBefore = removed } else { kept[kept.count - 1].change = -removed }
    transform(kept, removed: removedBefore)
  }

  /// Replaces each scalar by others; the first stands for the old one.
  mutating func map(_ change: (Unicode.Scalar, inout [Unicode.Scalar]) -> Void) {
    var changed: [ChangedScalar] = []
    var parts: [Unicode.Scalar] = []
    for scalar in scalars {
      parts.removeAll(keepingCapacity: true)
      change(scalar, &parts)
      for (index, part) in parts.enumerated() {
        changed.append(ChangedScalar(scalar: part, change: index == 0 ? 0 : 1))
      }
    }
    transform(changed)
  }

  /// Puts `text` before a text that is not empty; it shares the place of the first scalar.
  mutating func prepend(_ text: [UInt8]) {
    guard !bytes.isEmpty else { return }
    if keepsPlaces {
      let (start, end) = (starts[0], ends[0])
      starts.insert(contentsOf: repeatElement(start, count: text.count), at: 0)
      ends.insert(contentsOf: repeatElement(end, count: text.count), at: 0)
    }
    bytes.insert(contentsOf: text, at: 0)
  }

  /// Replaces every match by `content`, which stands where the end of the match stands.
  mutating func replace(_ matches: [Range<Int>], with content: [UInt8]) {
    guard !matches.isEmpty else { return }
    var result: [UInt8] = []
    var newStarts: [Int32] = []
    var newEnds: [Int32] = []
    result.reserveCapacity(bytes.count)
    var place = 0
    for match in matches + [bytes.count..<bytes.count] {
      result += bytes[place..<match.lowerBound]
      if keepsPlaces {
        newStarts += starts[place..<match.lowerBound]
        newEnds += ends[place..<match.lowerBound]
      }
      place = match.upperBound
      if match.lowerBound == bytes.count && match.isEmpty { break }
      result += content
      if keepsPlaces {
        let source = match.upperBound - 1
        let (start, end) = source >= 0 ? (starts[source], ends[source]) : (0, 0)
        newStarts += repeatElement(start, count: content.count)
        newEnds += repeatElement(end, count: content.count)
      }
    }
    bytes = result
    if keepsPlaces { (starts, ends) = (newStarts, newEnds) }
  }

  /// Replaces every byte by the two-byte (or one-byte) letter that stands for it, as byte-level
  /// tokenizers write bytes.
  mutating func spellBytes() {
    var result: [UInt8] = []
    var newStarts: [Int32] = []
    var newEnds: [Int32] = []
    for (place, byte) in bytes.enumerated() {
      let before = result.count
      result.append(ByteAlphabet.letters[Int(byte)])
      if keepsPlaces {
        for _ in before..<result.count {
          newStarts.append(starts[place])
          newEnds.append(ends[place])
        }
      }
    }
    bytes = result
    if keepsPlaces { (starts, ends) = (newStarts, newEnds) }
  }
}
