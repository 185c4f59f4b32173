/// `text` as it can stand in an XML document, between tags or within the quotes of an attribute.
///
/// Markup becomes entities. Characters that XML 1.0 forbids even as entities (most control characters,
/// U+FFFE and U+FFFF: its production 2, `Char`) become U+FFFD, which readers show as a mark.
package func escapedForXML(_ text: String) -> String {
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;".unicodeScalars
    case "<": result += "&lt;".unicodeScalars
    case ">": result += "&gt;".unicodeScalars
    case "\"": result += "&quot;".unicodeScalars
    case "\t", "\n", "\r": result.append(scalar)
    case "\0"..<" ", "\u{FFFE}", "\u{FFFF}": result.append("\u{FFFD}")
    default: result.append(scalar)
    }
  }
  return String(result)
}
