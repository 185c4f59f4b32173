import HeedFormats
import Testing

@Suite("Texts in XML") struct XMLTextTests {
  @Test("every character of XML stays or becomes an entity, every other one is replaced")
  func characters() {
    let entities: [Unicode.Scalar: String] = [
      "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;",
    ]
    let wrong = (0...0x11_000 as ClosedRange<UInt32>).filter { code in
      guard let scalar = Unicode.Scalar(code) else { return false }
      // The production `Char` of XML 1.0.
      let isCharacter =
        [0x9, 0xA, 0xD].contains(code) || (0x20...0xD7FF).contains(code)
        || (0xE000...0xFFFD).contains(code) || code >= 0x10_000
      let want = entities[scalar] ?? String(isCharacter ? scalar : "\u{FFFD}")
      return escapedForXML(String(scalar)) != want
    }
    #expect(wrong == [])
  }
}
