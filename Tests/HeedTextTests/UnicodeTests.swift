import HeedText
import Testing

@Suite("Unicode")
struct UnicodeTests {
  private func form(_ form: UnicodeNormalForm, _ text: String) -> [UInt32] {
    form.changes(text.unicodeScalars).map(\.scalar.value)
  }

  @Test("normal forms compose, decompose and sort marks")
  func normalForms() {
    #expect(form(.canonicalDecomposed, "é") == [0x65, 0x301])
    #expect(form(.canonicalComposed, "e\u{301}") == [0xE9])
    #expect(form(.canonicalDecomposed, "ﬁ") == [0xFB01])
    #expect(form(.compatibilityDecomposed, "ﬁ²") == [0x66, 0x69, 0x32])
    #expect(form(.compatibilityComposed, "ﬁe\u{301}") == [0x66, 0x69, 0xE9])
    // A dot below sorts before an acute accent; the accent then composes with the letter.
    #expect(form(.canonicalDecomposed, "a\u{301}\u{323}") == [0x61, 0x323, 0x301])
    #expect(form(.canonicalComposed, "a\u{301}\u{323}") == [0x1EA1, 0x301])
    // Two steps: ǖ is ü with a macron, ü is u with dots.
    #expect(form(.canonicalDecomposed, "ǖ") == [0x75, 0x308, 0x304])
    #expect(form(.canonicalComposed, "u\u{308}\u{304}") == [0x1D6])
    // Excluded from composition.
    #expect(form(.canonicalComposed, "\u{958}") == [0x915, 0x93C])
  }

  @Test("Korean syllables are computed both ways")
  func hangul() {
    #expect(form(.canonicalDecomposed, "한") == [0x1112, 0x1161, 0x11AB])
    #expect(form(.canonicalComposed, "\u{1112}\u{1161}\u{11AB}") == [0xD55C])
    #expect(form(.canonicalComposed, "\u{1112}\u{1161}") == [0xD558])
  }

  @Test("composing what was decomposed gives the composed text back")
  func formsAreConsistent() {
    for text in ["Ångström", "tiếng Việt", "ά\u{345}", "각깋", "क़ख़"] {
      let decomposed = UnicodeNormalForm.canonicalDecomposed.changes(text.unicodeScalars)
      let both = UnicodeNormalForm.canonicalComposed.changes(decomposed.map(\.scalar))
      #expect(both.map(\.scalar.value) == form(.canonicalComposed, text))
      // Swift compares strings by canonical equivalence.
      var view = String.UnicodeScalarView()
      view += decomposed.map(\.scalar)
      #expect(String(view) == text)
    }
  }

  @Test("every byte has a letter and comes back")
  func byteAlphabet() {
    #expect(ByteAlphabet.letters.count == 256)
    #expect(Set(ByteAlphabet.letters).count == 256)
    let all = (0...255).map { UInt8($0) }
    #expect(ByteAlphabet.bytes(of: ByteAlphabet.text(of: all)) == all)
    #expect(ByteAlphabet.text(of: [0x20, 0x0A]) == "ĠĊ")
    #expect(ByteAlphabet.bytes(of: "日") == nil)
    #expect(ByteAlphabet.bytes(of: " ") == nil)
  }

  @Test("base64 is read and broken base64 refused")
  func base64() {
    func decode(_ text: String) -> [UInt8]? { Base64.decode(Array(text.utf8)) }
    #expect(decode("") == [])
    #expect(decode("aGVsbG8=").map { String(decoding: $0, as: UTF8.self) } == "hello")
    #expect(decode("aGVsbG8").map { String(decoding: $0, as: UTF8.self) } == "hello")
    #expect(decode("aGVs=bG8") == nil)
    #expect(decode("a") == nil)
    #expect(decode("a===") == nil)
    #expect(decode("a b=") == nil)
  }
}
