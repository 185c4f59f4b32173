/// The names that ECMAScript gives to properties of characters (ECMA-262, 22.2.1.8, tables 54 to 57).
///
/// They are spelled in one way: `\p{Lu}` and `\p{Uppercase_Letter}`, not `\p{lu}`; a script needs its
/// property, `\p{Script=Han}`. Of the binary properties those are known that the standard library knows, of
/// the scripts those of `ScriptSets`.
enum ECMAScriptProperties {
  /// The set of a name, or of a property and its value; nil for one that is not known.
  static func named(_ name: String) -> ScalarSet? {
    let parts = name.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    switch parts.count {
    case 1: return category(name) ?? binary(name)
    case 2 where ["General_Category", "gc"].contains(parts[0]): return category(parts[1])
    case 2 where ["Script", "sc"].contains(parts[0]):
      return scripts[parts[1]].flatMap { ScriptSets.named($0) }
    default: return nil
    }
  }

  private static func category(_ name: String) -> ScalarSet? {
    guard categories.contains(name) else { return nil }
    return CategorySet(name: name).map { ScalarSet(categories: $0) }
  }

  private static let categories = Set(
    """
    L Letter LC Cased_Letter Lu Uppercase_Letter Ll Lowercase_Letter Lt Titlecase_Letter \
    Lm Modifier_Letter Lo Other_Letter M Mark Combining_Mark Mn Nonspacing_Mark Mc Spacing_Mark \
    Me Enclosing_Mark N Number Nd Decimal_Number digit Nl Letter_Number No Other_Number \
    P Punctuation punct Pc Connector_Punctuation Pd Dash_Punctuation Ps Open_Punctuation \
    Pe Close_Punctuation Pi Initial_Punctuation Pf Final_Punctuation Po Other_Punctuation \
    S Symbol Sm Math_Symbol Sc Currency_Symbol Sk Modifier_Symbol So Other_Symbol \
    Z Separator Zs Space_Separator Zl Line_Separator Zp Paragraph_Separator \
    C Other Cc Control cntrl Cf Format Cs Surrogate Co Private_Use Cn Unassigned
    """.split(separator: " ").map(String.init))

  private static let scripts = [
    "Han": "han", "Hani": "han", "Hiragana": "hiragana", "Hira": "hiragana",
    "Katakana": "katakana", "Kana": "katakana", "Hangul": "hangul", "Hang": "hangul",
    "Thai": "thai", "Hebrew": "hebrew", "Hebr": "hebrew",
  ]

  // MARK: Binary properties

  private static func binary(_ name: String) -> ScalarSet? {
    switch name {
    case "Any": .any
    case "ASCII": ScalarSet(ranges: [0...0x7F])
    case "Assigned": ScalarSet(categories: .unassigned, isNegated: true)
    case "ASCII_Hex_Digit", "AHex": asciiHexDigit
    case "Alphabetic", "Alpha": alphabetic
    case "Bidi_Control", "Bidi_C": bidiControl
    case "Bidi_Mirrored", "Bidi_M": bidiMirrored
    case "Case_Ignorable", "CI": caseIgnorable
    case "Cased": cased
    case "Changes_When_Lowercased", "CWL": changesWhenLowercased
    case "Changes_When_Uppercased", "CWU": changesWhenUppercased
    case "Changes_When_Titlecased", "CWT": changesWhenTitlecased
    case "Changes_When_Casefolded", "CWCF": changesWhenCaseFolded
    case "Changes_When_Casemapped", "CWCM": changesWhenCaseMapped
    case "Changes_When_NFKC_Casefolded", "CWKCF": changesWhenNFKCCaseFolded
    case "Dash": dash
    case "Default_Ignorable_Code_Point", "DI": defaultIgnorableCodePoint
    case "Deprecated", "Dep": deprecated
    case "Diacritic", "Dia": diacritic
    case "Emoji": emoji
    case "Emoji_Modifier", "EMod": emojiModifier
    case "Emoji_Modifier_Base", "EBase": emojiModifierBase
    case "Emoji_Presentation", "EPres": emojiPresentation
    case "Extender", "Ext": extender
    case "Grapheme_Base", "Gr_Base": graphemeBase
    case "Grapheme_Extend", "Gr_Ext": graphemeExtend
    case "Hex_Digit", "Hex": hexDigit
    case "IDS_Binary_Operator", "IDSB": idsBinaryOperator
    case "IDS_Trinary_Operator", "IDST": idsTrinaryOperator
    case "ID_Continue", "IDC": idContinue
    case "ID_Start", "IDS": idStart
    case "Ideographic", "Ideo": ideographic
    case "Join_Control", "Join_C": joinControl
    case "Logical_Order_Exception", "LOE": logicalOrderException
    case "Lowercase", "Lower": lowercase
    case "Math": math
    case "Noncharacter_Code_Point", "NChar": noncharacterCodePoint
    case "Pattern_Syntax", "Pat_Syn": patternSyntax
    case "Pattern_White_Space", "Pat_WS": patternWhitespace
    case "Quotation_Mark", "QMark": quotationMark
    case "Radical": radical
    case "Sentence_Terminal", "STerm": sentenceTerminal
    case "Soft_Dotted", "SD": softDotted
    case "Unified_Ideograph", "UIdeo": unifiedIdeograph
    case "Uppercase", "Upper": uppercase
    case "Variation_Selector", "VS": variationSelector
    case "White_Space", "space": whitespace
    case "XID_Continue", "XIDC": xidContinue
    case "XID_Start", "XIDS": xidStart
    default: nil
    }
  }

  // Each is made when it is first named.
  private static let asciiHexDigit = set { $0.isASCIIHexDigit }
  private static let alphabetic = set { $0.isAlphabetic }
  private static let bidiControl = set { $0.isBidiControl }
  private static let bidiMirrored = set { $0.isBidiMirrored }
  private static let caseIgnorable = set { $0.isCaseIgnorable }
  private static let cased = set { $0.isCased }
  private static let changesWhenLowercased = set { $0.changesWhenLowercased }
  private static let changesWhenUppercased = set { $0.changesWhenUppercased }
  private static let changesWhenTitlecased = set { $0.changesWhenTitlecased }
  private static let changesWhenCaseFolded = set { $0.changesWhenCaseFolded }
  private static let changesWhenCaseMapped = set { $0.changesWhenCaseMapped }
  private static let changesWhenNFKCCaseFolded = set { $0.changesWhenNFKCCaseFolded }
  private static let dash = set { $0.isDash }
  private static let defaultIgnorableCodePoint = set { $0.isDefaultIgnorableCodePoint }
  private static let deprecated = set { $0.isDeprecated }
  private static let diacritic = set { $0.isDiacritic }
  private static let emoji = set { $0.isEmoji }
  private static let emojiModifier = set { $0.isEmojiModifier }
  private static let emojiModifierBase = set { $0.isEmojiModifierBase }
  private static let emojiPresentation = set { $0.isEmojiPresentation }
  private static let extender = set { $0.isExtender }
  private static let graphemeBase = set { $0.isGraphemeBase }
  private static let graphemeExtend = set { $0.isGraphemeExtend }
  private static let hexDigit = set { $0.isHexDigit }
  private static let idsBinaryOperator = set { $0.isIDSBinaryOperator }
  private static let idsTrinaryOperator = set { $0.isIDSTrinaryOperator }
  private static let idContinue = set { $0.isIDContinue }
  private static let idStart = set { $0.isIDStart }
  private static let ideographic = set { $0.isIdeographic }
  private static let joinControl = set { $0.isJoinControl }
  private static let logicalOrderException = set { $0.isLogicalOrderException }
  private static let lowercase = set { $0.isLowercase }
  private static let math = set { $0.isMath }
  private static let noncharacterCodePoint = set { $0.isNoncharacterCodePoint }
  private static let patternSyntax = set { $0.isPatternSyntax }
  private static let patternWhitespace = set { $0.isPatternWhitespace }
  private static let quotationMark = set { $0.isQuotationMark }
  private static let radical = set { $0.isRadical }
  private static let sentenceTerminal = set { $0.isSentenceTerminal }
  private static let softDotted = set { $0.isSoftDotted }
  private static let unifiedIdeograph = set { $0.isUnifiedIdeograph }
  private static let uppercase = set { $0.isUppercase }
  private static let variationSelector = set { $0.isVariationSelector }
  private static let whitespace = set { $0.isWhitespace }
  private static let xidContinue = set { $0.isXIDContinue }
  private static let xidStart = set { $0.isXIDStart }

  /// - Complexity: O(all characters).
  private static func set(where holds: (Unicode.Scalar.Properties) -> Bool) -> ScalarSet {
    var ranges: [ClosedRange<UInt32>] = []
    var first: UInt32?
    for value in UInt32(0)...0x110000 {
      let isMember = Unicode.Scalar(value).map { holds($0.properties) } ?? false
      if isMember, first == nil { first = value }
      if !isMember, let begin = first {
        ranges.append(begin...value - 1)
        first = nil
      }
    }
    return ScalarSet(ranges: ranges)
  }
}
