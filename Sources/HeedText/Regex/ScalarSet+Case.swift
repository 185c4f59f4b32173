// Letters that differ only in case. A few are asked one by one; for wide ranges there is a table of all that
// have another case, made once, because most characters have none.

extension ScalarSet {
  /// The other cases of the letters that are named one by one or by ranges, not by categories or members.
  ///
  /// - Complexity: O(r + c log c) for r ranges and c letters in them that have another case.
  var caseVariants: [ClosedRange<UInt32>] {
    var variants: Set<UInt32> = []
    for range in ranges {
      if range.upperBound - range.lowerBound < 32 {
        for value in range { variants.formUnion(Self.caseVariants(of: value)) }
      } else {
        variants.formUnion(Self.casedLetters(in: range).joined())
      }
    }
    return variants.sorted().map { $0...$0 }
  }

  private static func casedLetters(
    in range: ClosedRange<UInt32>
  ) -> LazyMapSequence<ArraySlice<(value: UInt32, variants: [UInt32])>, [UInt32]> {
    func place(of value: UInt32) -> Int {
      var (first, last) = (0, cased.count)
      while first < last {
        let middle = (first + last) / 2
        if cased[middle].value < value { first = middle + 1 } else { last = middle }
      }
      return first
    }
    return cased[place(of: range.lowerBound)..<place(of: range.upperBound + 1)].lazy.map(\.variants)
  }

  /// All characters with another case, ascending; behind the first four planes there are no letters.
  private static let cased: [(value: UInt32, variants: [UInt32])] =
    (UInt32(0)..<0x40000).compactMap { value in
      guard let scalar = Unicode.Scalar(value), scalar.properties.changesWhenCaseMapped else {
        return nil
      }
      let variants = caseVariants(of: value)
      return variants.isEmpty ? nil : (value, variants)
    }

  /// The characters that differ from one only in case, the long s and the signs for kelvin and
  /// angstrom included.
  private static func caseVariants(of value: UInt32) -> [UInt32] {
    guard let scalar = Unicode.Scalar(value) else { return [] }
    func single(_ text: String) -> UInt32? {
      let scalars = text.unicodeScalars
      return scalars.count == 1 ? scalars.first?.value : nil
    }
    var result: [UInt32] = []
    let lower = single(scalar.properties.lowercaseMapping) ?? value
    for candidate in [lower, single(scalar.properties.uppercaseMapping)].compactMap({ $0 }) {
      result.append(candidate)
    }
    if let base = Unicode.Scalar(lower), let upper = single(base.properties.uppercaseMapping) {
      result.append(upper)
      if let back = Unicode.Scalar(upper).flatMap({ single($0.properties.lowercaseMapping) }) {
        result.append(back)
      }
    }
    let signs: [(UInt32, UInt32)] = [(0x73, 0x17F), (0x6B, 0x212A), (0xE5, 0x212B)]
    for (letter, sign) in signs where result.contains(letter) || value == letter {
      result += [letter, sign]
    }
    return Array(Set(result)).filter { $0 != value }.sorted()
  }
}
