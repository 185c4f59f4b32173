/// The names that ECMAScript gives to properties of characters (ECMA-262, 22.2.1.8, tables 54 to 57).
///
/// They are spelled in one way: `\p{Lu}` and `\p{Uppercase_Letter}`, not `\p{lu}`; a script needs its
/// property, `\p{Script=Han}`. Of the binary properties those are known that the standard library knows, of
/// the scripts those of `ScriptSets`.
enum ECMAScriptProperties {
  /// The set of a name, or of a property and its value; nil for one that is not known.
  ///
  /// - Complexity: O(all characters) for a binary property.
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
    case "Any": return .any
    case "ASCII": return ScalarSet(ranges: [0...0x7F])
    case "Assigned": return ScalarSet(categories: .unassigned, isNegated: true)
    default: break
    }
    guard let holds = predicates[name] else { return nil }
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

  private typealias Predicate = @Sendable (Unicode.Scalar.Properties) -> Bool

  private static let predicates: [String: Predicate] = {
    let table: [([String], Predicate)] = [
      (["ASCII_Hex_Digit", "AHex"], { $0.isASCIIHexDigit }),
      (["Alphabetic", "Alpha"], { $0.isAlphabetic }),
      (["Bidi_Control", "Bidi_C"], { $0.isBidiControl }),
      (["Bidi_Mirrored", "Bidi_M"], { $0.isBidiMirrored }),
      (["Case_Ignorable", "CI"], { $0.isCaseIgnorable }),
      (["Cased"], { $0.isCased }),
      (["Changes_When_Lowercased", "CWL"], { $0.changesWhenLowercased }),
      (["Changes_When_Uppercased", "CWU"], { $0.changesWhenUppercased }),
      (["Changes_When_Titlecased", "CWT"], { $0.changesWhenTitlecased }),
      (["Changes_When_Casefolded", "CWCF"], { $0.changesWhenCaseFolded }),
      (["Changes_When_Casemapped", "CWCM"], { $0.changesWhenCaseMapped }),
      (["Changes_When_NFKC_Casefolded", "CWKCF"], { $0.changesWhenNFKCCaseFolded }),
      (["Dash"], { $0.isDash }),
      (["Default_Ignorable_Code_Point", "DI"], { $0.isDefaultIgnorableCodePoint }),
      (["Deprecated", "Dep"], { $0.isDeprecated }),
      (["Diacritic", "Dia"], { $0.isDiacritic }),
      (["Emoji"], { $0.isEmoji }),
      (["Emoji_Modifier", "EMod"], { $0.isEmojiModifier }),
      (["Emoji_Modifier_Base", "EBase"], { $0.isEmojiModifierBase }),
      (["Emoji_Presentation", "EPres"], { $0.isEmojiPresentation }),
      (["Extender", "Ext"], { $0.isExtender }),
      (["Grapheme_Base", "Gr_Base"], { $0.isGraphemeBase }),
      (["Grapheme_Extend", "Gr_Ext"], { $0.isGraphemeExtend }),
      (["Hex_Digit", "Hex"], { $0.isHexDigit }),
      (["IDS_Binary_Operator", "IDSB"], { $0.isIDSBinaryOperator }),
      (["IDS_Trinary_Operator", "IDST"], { $0.isIDSTrinaryOperator }),
      (["ID_Continue", "IDC"], { $0.isIDContinue }),
      (["ID_Start", "IDS"], { $0.isIDStart }),
      (["Ideographic", "Ideo"], { $0.isIdeographic }),
      (["Join_Control", "Join_C"], { $0.isJoinControl }),
      (["Logical_Order_Exception", "LOE"], { $0.isLogicalOrderException }),
      (["Lowercase", "Lower"], { $0.isLowercase }),
      (["Math"], { $0.isMath }),
      (["Noncharacter_Code_Point", "NChar"], { $0.isNoncharacterCodePoint }),
      (["Pattern_Syntax", "Pat_Syn"], { $0.isPatternSyntax }),
      (["Pattern_White_Space", "Pat_WS"], { $0.isPatternWhitespace }),
      (["Quotation_Mark", "QMark"], { $0.isQuotationMark }),
      (["Radical"], { $0.isRadical }),
      (["Sentence_Terminal", "STerm"], { $0.isSentenceTerminal }),
      (["Soft_Dotted", "SD"], { $0.isSoftDotted }),
      (["Unified_Ideograph", "UIdeo"], { $0.isUnifiedIdeograph }),
      (["Uppercase", "Upper"], { $0.isUppercase }),
      (["Variation_Selector", "VS"], { $0.isVariationSelector }),
      (["White_Space", "space"], { $0.isWhitespace }),
      (["XID_Continue", "XIDC"], { $0.isXIDContinue }),
      (["XID_Start", "XIDS"], { $0.isXIDStart }),
    ]
    return Dictionary(
      table.flatMap { names, holds in names.map { ($0, holds) } },
      uniquingKeysWith: { first, _ in first })
  }()
}
