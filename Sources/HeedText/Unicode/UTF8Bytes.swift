// Reading and writing scalars in arrays of UTF-8. Text that comes from a `String` is well formed;
// bytes from files may not be, so nothing here reads past the end or makes a scalar of nonsense.

/// One scalar of a byte sequence.
struct DecodedScalar {
  /// U+FFFD where the bytes are malformed.
  let scalar: Unicode.Scalar
  /// Bytes that it takes; one for a malformed byte.
  let width: Int
  let isValid: Bool
}

extension [UInt8] {
  /// The bytes of the scalar that starts with `lead`; 1 for bytes that start none.
  @inline(__always)
  static func width(ofScalarLedBy lead: UInt8) -> Int {
    lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  }

  /// The scalar at `place`, of well-formed UTF-8; its value alone.
  @inline(__always)
  func scalarValue(at place: Int) -> UInt32 {
    let lead = UInt32(self[place])
    if lead < 0x80 { return lead }
    if lead < 0xE0 { return (lead & 0x1F) << 6 | UInt32(self[place + 1] & 0x3F) }
    if lead < 0xF0 {
      return (lead & 0x0F) << 12 | UInt32(self[place + 1] & 0x3F) << 6
        | UInt32(self[place + 2] & 0x3F)
    }
    return (lead & 0x07) << 18 | UInt32(self[place + 1] & 0x3F) << 12
      | UInt32(self[place + 2] & 0x3F) << 6 | UInt32(self[place + 3] & 0x3F)
  }

  /// The scalar at `place`, whatever the bytes are.
  func decodedScalar(at place: Int, end: Int) -> DecodedScalar {
    let lead = self[place]
    if lead < 0x80 { return DecodedScalar(scalar: Unicode.Scalar(lead), width: 1, isValid: true) }
    let width = Self.width(ofScalarLedBy: lead)
    let bad = DecodedScalar(scalar: "\u{FFFD}", width: 1, isValid: false)
    guard lead >= 0xC2, lead < 0xF5, width <= end - place else { return bad }
    for step in 1..<width where self[place + step] & 0xC0 != 0x80 { return bad }
    let value = scalarValue(at: place)
    let least: UInt32 = width == 2 ? 0x80 : width == 3 ? 0x800 : 0x10000
    guard value >= least, let scalar = Unicode.Scalar(value) else { return bad }
    return DecodedScalar(scalar: scalar, width: width, isValid: true)
  }

  /// The place where the scalar before `place` starts, in well-formed UTF-8.
  @inline(__always)
  func scalarStart(before place: Int) -> Int {
    var start = place - 1
    while start > 0, self[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  /// The last scalar of a range of well-formed UTF-8.
  func lastScalar(in range: Range<Int>) -> Unicode.Scalar? {
    guard !range.isEmpty else { return nil }
    return Unicode.Scalar(scalarValue(at: Swift.max(scalarStart(before: range.upperBound), 0)))
  }

  /// The first scalar of a range of well-formed UTF-8.
  func firstScalar(in range: Range<Int>) -> Unicode.Scalar? {
    range.isEmpty ? nil : Unicode.Scalar(scalarValue(at: range.lowerBound))
  }

  mutating func append(_ scalar: Unicode.Scalar) {
    let value = scalar.value
    if value < 0x80 {
      append(UInt8(value))
    } else if value < 0x800 {
      append(UInt8(0xC0 | value >> 6))
      append(UInt8(0x80 | value & 0x3F))
    } else if value < 0x10000 {
      append(UInt8(0xE0 | value >> 12))
      append(UInt8(0x80 | value >> 6 & 0x3F))
      append(UInt8(0x80 | value & 0x3F))
    } else {
      append(UInt8(0xF0 | value >> 18))
      append(UInt8(0x80 | value >> 12 & 0x3F))
      append(UInt8(0x80 | value >> 6 & 0x3F))
      append(UInt8(0x80 | value & 0x3F))
    }
  }

  /// The scalars of well-formed UTF-8.
  var scalars: [Unicode.Scalar] {
    Array<Unicode.Scalar>(String(decoding: self, as: UTF8.self).unicodeScalars)
  }

  /// Every occurrence of `old` replaced by `new`, from left to right.
  func replacing(_ old: [UInt8], with new: [UInt8]) -> [UInt8] {
    guard !old.isEmpty, count >= old.count else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var place = 0
    while place < count {
      if self[place] == old[0], hasBytes(old, at: place) {
        result += new
        place += old.count
      } else {
        result.append(self[place])
        place += 1
      }
    }
    return result
  }

  /// True when `other` stands at `place`.
  func hasBytes(_ other: [UInt8], at place: Int) -> Bool {
    guard other.count <= count - place else { return false }
    for step in 0..<other.count where self[place + step] != other[step] { return false }
    return true
  }
}
