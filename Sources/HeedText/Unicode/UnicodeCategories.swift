// What kind of character a scalar is, by table.
//
// Patterns ask for the general category of every character that is not ASCII, and the standard
// library answers by a search of some twenty steps. The table holds the answers for the first four
// planes (all that is in use but tags and private use); it is made when the first character that is not
// ASCII comes and never changes after that.

/// A general category as a number below 32, so that a set of them is one word.
typealias CategoryIndex = UInt8

/// A set of general categories, a bit each.
struct CategorySet: OptionSet, Hashable, Sendable {
  let rawValue: UInt32

  init(rawValue: UInt32) { self.rawValue = rawValue }
  private init(_ first: Int, _ count: Int = 1) { rawValue = ((1 << count) - 1) << UInt32(first) }

  static let uppercaseLetter = CategorySet(0)
  static let lowercaseLetter = CategorySet(1)
  static let titlecaseLetter = CategorySet(2)
  static let modifierLetter = CategorySet(3)
  static let otherLetter = CategorySet(4)
  static let letter = CategorySet(0, 5)
  static let nonspacingMark = CategorySet(5)
  static let spacingMark = CategorySet(6)
  static let enclosingMark = CategorySet(7)
  static let mark = CategorySet(5, 3)
  static let decimalNumber = CategorySet(8)
  static let letterNumber = CategorySet(9)
  static let otherNumber = CategorySet(10)
  static let number = CategorySet(8, 3)
  static let connectorPunctuation = CategorySet(11)
  static let dashPunctuation = CategorySet(12)
  static let openPunctuation = CategorySet(13)
  static let closePunctuation = CategorySet(14)
  static let initialPunctuation = CategorySet(15)
  static let finalPunctuation = CategorySet(16)
  static let otherPunctuation = CategorySet(17)
  static let punctuation = CategorySet(11, 7)
  static let mathSymbol = CategorySet(18)
  static let currencySymbol = CategorySet(19)
  static let modifierSymbol = CategorySet(20)
  static let otherSymbol = CategorySet(21)
  static let symbol = CategorySet(18, 4)
  static let spaceSeparator = CategorySet(22)
  static let lineSeparator = CategorySet(23)
  static let paragraphSeparator = CategorySet(24)
  static let separator = CategorySet(22, 3)
  static let control = CategorySet(25)
  static let format = CategorySet(26)
  static let surrogate = CategorySet(27)
  static let privateUse = CategorySet(28)
  static let unassigned = CategorySet(29)
  static let other = CategorySet(25, 5)

  func holds(_ category: CategoryIndex) -> Bool { rawValue >> UInt32(category) & 1 != 0 }

  /// The set that a pattern names: "L", "Lu", "Letter", ...; nil for an unknown name.
  init?(name: String) {
    let key = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
    guard let set = Self.names[key] else { return nil }
    self = set
  }

  private static let names: [String: CategorySet] = [
    "l": .letter, "letter": .letter, "lu": .uppercaseLetter, "uppercaseletter": .uppercaseLetter,
    "ll": .lowercaseLetter, "lowercaseletter": .lowercaseLetter, "lt": .titlecaseLetter,
    "titlecaseletter": .titlecaseLetter, "lm": .modifierLetter, "modifierletter": .modifierLetter,
    "lo": .otherLetter, "otherletter": .otherLetter,
    "lc": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter],
    "casedletter": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter],
    "m": .mark, "mark": .mark, "combiningmark": .mark, "mn": .nonspacingMark,
    "nonspacingmark": .nonspacingMark, "mc": .spacingMark, "spacingmark": .spacingMark,
    "me": .enclosingMark, "enclosingmark": .enclosingMark,
    "n": .number, "number": .number, "nd": .decimalNumber, "decimalnumber": .decimalNumber,
    "digit": .decimalNumber, "nl": .letterNumber, "letternumber": .letterNumber,
    "no": .otherNumber, "othernumber": .otherNumber,
    "p": .punctuation, "punctuation": .punctuation, "punct": .punctuation,
    "pc": .connectorPunctuation, "connectorpunctuation": .connectorPunctuation,
    "pd": .dashPunctuation, "dashpunctuation": .dashPunctuation, "ps": .openPunctuation,
    "openpunctuation": .openPunctuation, "pe": .closePunctuation,
    "closepunctuation": .closePunctuation, "pi": .initialPunctuation,
    "initialpunctuation": .initialPunctuation, "pf": .finalPunctuation,
    "finalpunctuation": .finalPunctuation, "po": .otherPunctuation,
    "otherpunctuation": .otherPunctuation,
    "s": .symbol, "symbol": .symbol, "sm": .mathSymbol, "mathsymbol": .mathSymbol,
    "sc": .currencySymbol, "currencysymbol": .currencySymbol, "sk": .modifierSymbol,
    "modifiersymbol": .modifierSymbol, "so": .otherSymbol, "othersymbol": .otherSymbol,
    "z": .separator, "separator": .separator, "zs": .spaceSeparator,
    "spaceseparator": .spaceSeparator, "zl": .lineSeparator, "lineseparator": .lineSeparator,
    "zp": .paragraphSeparator, "paragraphseparator": .paragraphSeparator,
    "c": .other, "other": .other, "cc": .control, "control": .control, "cntrl": .control,
    "cf": .format, "format": .format, "cs": .surrogate, "surrogate": .surrogate,
    "co": .privateUse, "privateuse": .privateUse, "cn": .unassigned, "unassigned": .unassigned,
  ]
}

enum UnicodeCategories {
  private static let tableSize = 0x40000

  private static let table = categories(below: tableSize)
  /// Patterns ask for all of these when they are read: most texts never need the other table.
  private static let ascii = categories(below: 0x80)

  private static func categories(below end: Int) -> [CategoryIndex] {
    (0..<UInt32(end)).map { Unicode.Scalar($0).map(look) ?? 27 }
  }

  /// The general category of a scalar value.
  static func index(_ scalar: UInt32) -> CategoryIndex {
    if scalar < 0x80 { return ascii[Int(scalar)] }
    if scalar < UInt32(tableSize) { return table[Int(scalar)] }
    return Unicode.Scalar(scalar).map(look) ?? 27
  }

  /// The scalar values of each category, as ranges in their order.
  static let ranges: [[ClosedRange<UInt32>]] = {
    var result = [[ClosedRange<UInt32>]](repeating: [], count: 30)
    var (first, category) = (UInt32(0), index(UInt32(0)))
    for value in UInt32(1)...0x10FFFF where index(value) != category {
      result[Int(category)].append(first...value - 1)
      (first, category) = (value, index(value))
    }
    result[Int(category)].append(first...0x10FFFF)
    return result
  }()

  static func index(_ scalar: Unicode.Scalar) -> CategoryIndex { index(scalar.value) }

  private static func look(_ scalar: Unicode.Scalar) -> CategoryIndex {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter: 0
    case .lowercaseLetter: 1
    case .titlecaseLetter: 2
    case .modifierLetter: 3
    case .otherLetter: 4
    case .nonspacingMark: 5
    case .spacingMark: 6
    case .enclosingMark: 7
    case .decimalNumber: 8
    case .letterNumber: 9
    case .otherNumber: 10
    case .connectorPunctuation: 11
    case .dashPunctuation: 12
    case .openPunctuation: 13
    case .closePunctuation: 14
    case .initialPunctuation: 15
    case .finalPunctuation: 16
    case .otherPunctuation: 17
    case .mathSymbol: 18
    case .currencySymbol: 19
    case .modifierSymbol: 20
    case .otherSymbol: 21
    case .spaceSeparator: 22
    case .lineSeparator: 23
    case .paragraphSeparator: 24
    case .control: 25
    case .format: 26
    case .surrogate: 27
    case .privateUse: 28
    case .unassigned: 29
    @unknown default: 29
    }
  }
}

extension Unicode.Scalar {
  /// Unicode's property White_Space.
  var isSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }

  func isIn(_ set: CategorySet) -> Bool { set.holds(UnicodeCategories.index(value)) }

  /// A punctuation mark in the sense of BERT: any of ASCII's and Unicode's.
  var isPunctuationMark: Bool {
    switch value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    case 0..<0x80: false
    default: isIn(.punctuation)
    }
  }

  /// A part of a word as Rust's patterns see it: letters, marks, decimal digits, connectors, joiners.
  var isWordPart: Bool {
    isIn([.letter, .mark, .decimalNumber, .connectorPunctuation]) || properties.isAlphabetic
      || value == 0x200C || value == 0x200D
  }
}
