// The four normal forms of Unicode (Standard Annex 15), with a note on every scalar of the result
// about how it came to be, so that a place in the result can be traced back to the text.
//
// The standard library composes and decomposes inside `String` but does not offer the results, and
// has no compatibility mappings; Foundation's would bind this module to a large library and loses
// the trace. So the mappings are a table here (`DecompositionTable`) and Hangul is arithmetic.

/// One scalar of a changed text and what it stands for.
package struct ChangedScalar {
  package let scalar: Unicode.Scalar
  /// 0: stands for one scalar of the old text. Positive: inserted after the one before.
  /// -n: stands for one scalar and n more after it.
  var change: Int
}

/// A normal form.
package enum UnicodeNormalForm: String, Sendable, Hashable {
  case canonicalComposed = "NFC"
  case canonicalDecomposed = "NFD"
  case compatibilityComposed = "NFKC"
  case compatibilityDecomposed = "NFKD"

  private var isCompatible: Bool {
    self == .compatibilityComposed || self == .compatibilityDecomposed
  }
  private var isComposed: Bool { self == .canonicalComposed || self == .compatibilityComposed }

  /// Scalars below this value are what they are in this form, whatever stands beside them.
  var firstAffected: UInt32 {
    switch self {
    case .canonicalComposed: 0x300
    case .canonicalDecomposed: 0xC0
    case .compatibilityComposed, .compatibilityDecomposed: 0xA0
    }
  }

  /// The form of `scalars`.
  package func changes(_ scalars: some Sequence<Unicode.Scalar>) -> [ChangedScalar] {
    let decomposed = Self.decomposed(scalars, isCompatible: isCompatible)
    return isComposed ? Self.composed(decomposed) : decomposed
  }

  private static func decomposed(
    _ scalars: some Sequence<Unicode.Scalar>, isCompatible: Bool
  ) -> [ChangedScalar] {
    let tables = DecompositionTables.shared
    var result: [ChangedScalar] = []
    var classes: [UInt8] = []
    // Marks after a starter are sorted by their class, which keeps the order within a class.
    var firstMark = 0
    func sortMarks() {
      var place = firstMark + 1
      while place < result.count {
        var target = place
        while target > firstMark, classes[target - 1] > classes[target] {
          result.swapAt(target - 1, target)
          classes.swapAt(target - 1, target)
          target -= 1
        }
        place += 1
      }
      firstMark = result.count
    }
    for scalar in scalars {
      var change = 0
      for part in tables.decomposition(of: scalar, isCompatible: isCompatible) {
        let combiningClass = part.combiningClass
        if combiningClass == 0 { sortMarks() }
        result.append(ChangedScalar(scalar: part, change: change))
        classes.append(combiningClass)
        if combiningClass == 0 { firstMark = result.count }
        change = 1
      }
    }
    sortMarks()
    return result
  }

  private static func composed(_ scalars: [ChangedScalar]) -> [ChangedScalar] {
    let tables = DecompositionTables.shared
    var result: [ChangedScalar] = []
    var starter: Int?
    var lastClass: UInt8?
    for next in scalars {
      let combiningClass = next.scalar.combiningClass
      if let starter, lastClass.map({ $0 < combiningClass }) ?? true,
        let whole = tables.composition(of: result[starter].scalar, next.scalar)
      {
        result[starter] = ChangedScalar(
          scalar: whole, change: result[starter].change + next.change - 1)
        continue
      }
      if combiningClass == 0 {
        starter = result.count
        lastClass = nil
      } else {
        lastClass = combiningClass
      }
      result.append(next)
    }
    return result
  }
}

extension Unicode.Scalar {
  /// Unicode's Canonical_Combining_Class; 0 for what starts a character.
  var combiningClass: UInt8 {
    value < 0x300 ? 0 : properties.canonicalCombiningClass.rawValue
  }
}

/// `DecompositionTable`, unfolded once.
struct DecompositionTables: Sendable {
  private var canonical: [UInt32: [Unicode.Scalar]] = [:]
  private var compatible: [UInt32: [Unicode.Scalar]] = [:]
  private var compositions: [UInt64: Unicode.Scalar] = [:]

  static let shared = DecompositionTables()

  private init() {
    var steps: [(value: UInt32, mark: UInt8, parts: [UInt32])] = []
    var value: UInt32 = 0
    for entry in DecompositionTable.text.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }) {
      guard
        let mark = entry.firstIndex(where: { [0x3A, 0x21, 0x7E].contains($0) })
      else { continue }
      value += Self.hexadecimal(entry[..<mark])
      let parts = entry[entry.index(after: mark)...].split(separator: 0x2E)
      steps.append((value, entry[mark], parts.map(Self.hexadecimal)))
    }
    let simple = Dictionary(uniqueKeysWithValues: steps.map { ($0.value, $0) })
    for step in steps {
      if step.mark != 0x7E {
        canonical[step.value] = Self.unfold(step.value, simple, isCompatible: false)
      }
      compatible[step.value] = Self.unfold(step.value, simple, isCompatible: true)
      if step.mark == 0x3A, step.parts.count == 2, let whole = Unicode.Scalar(step.value) {
        compositions[UInt64(step.parts[0]) << 32 | UInt64(step.parts[1])] = whole
      }
    }
  }

  private static func hexadecimal(_ digits: some Sequence<UInt8>) -> UInt32 {
    digits.reduce(0) { $0 << 4 | UInt32($1 < 0x3A ? $1 - 0x30 : $1 - 0x57) }
  }

  private static func unfold(
    _ value: UInt32, _ steps: [UInt32: (value: UInt32, mark: UInt8, parts: [UInt32])],
    isCompatible: Bool
  ) -> [Unicode.Scalar] {
    guard let step = steps[value], isCompatible || step.mark != 0x7E else {
      return Unicode.Scalar(value).map { [$0] } ?? []
    }
    return step.parts.flatMap { unfold($0, steps, isCompatible: isCompatible) }
  }

  func decomposition(of scalar: Unicode.Scalar, isCompatible: Bool) -> [Unicode.Scalar] {
    let value = scalar.value
    if value < 0xA0 { return [scalar] }
    if (Hangul.syllables).contains(value) { return Hangul.decomposition(value) }
    return (isCompatible ? compatible[value] : canonical[value]) ?? [scalar]
  }

  func composition(of first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    Hangul.composition(first.value, second.value)
      ?? compositions[UInt64(first.value) << 32 | UInt64(second.value)]
  }
}

/// Korean syllables are computed (Unicode Standard, section 3.12).
private enum Hangul {
  static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
  private static let (leads, vowels, tails): (UInt32, UInt32, UInt32) = (0x1100, 0x1161, 0x11A7)
  private static let (vowelCount, tailCount): (UInt32, UInt32) = (21, 28)

  static func decomposition(_ value: UInt32) -> [Unicode.Scalar] {
    let place = value - syllables.lowerBound
    let tail = place % tailCount
    let parts = [
      leads + place / (vowelCount * tailCount),
      vowels + place % (vowelCount * tailCount) / tailCount,
    ]
    return (tail == 0 ? parts : parts + [tails + tail]).compactMap(Unicode.Scalar.init)
  }

  static func composition(_ first: UInt32, _ second: UInt32) -> Unicode.Scalar? {
    if (leads..<leads + 19).contains(first), (vowels..<vowels + vowelCount).contains(second) {
      return Unicode.Scalar(
        syllables.lowerBound + ((first - leads) * vowelCount + second - vowels) * tailCount)
    }
    if syllables.contains(first), (first - syllables.lowerBound) % tailCount == 0,
      (tails + 1..<tails + tailCount).contains(second)
    {
      return Unicode.Scalar(first + second - tails)
    }
    return nil
  }
}
