// How many columns of a terminal a text takes: two for what East Asian type and pictures make wide (Unicode
// Standard Annex 11, W and F; the ranges are joined where what lies between is not assigned), one for every
// other letter with its marks.

extension String {
  /// Columns in a terminal.
  var terminalColumns: Int { reduce(0) { $0 + $1.terminalColumns } }
}

extension Character {
  /// Columns in a terminal: a letter and the marks on it stand in one place.
  fileprivate var terminalColumns: Int {
    // A sign that is asked to be shown as a picture is as wide as one.
    let isPicture = unicodeScalars.contains { $0.value == 0xFE0F }
    return isPicture || unicodeScalars.first.map(Self.isWide) == true ? 2 : 1
  }

  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    wide.contains { $0.contains(scalar.value) }
  }

  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x231A...0x231B, 0x23E9...0x23EC, 0x25FD...0x25FE, 0x2614...0x2615,
    0x2648...0x2653, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97C,
    0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6B, 0xFF01...0xFF60,
    0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FB, 0x1F004...0x1F004, 0x1F18E...0x1F202,
    0x1F210...0x1F265, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F7E0...0x1F7EB, 0x1F900...0x1F9FF,
    0x1FA70...0x1FAFF, 0x20000...0x3FFFD,
  ]
}
