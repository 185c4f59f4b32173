import HeedFormats

/// The way to a part of a document, as the fragment of a reference says it: percent signs (RFC 3986, 2.1)
/// around a JSON pointer (RFC 6901, 6), names between slashes, each of which may be empty.
struct JSONPointer {
  /// Names of members and places in lists.
  let tokens: [String]

  init(_ tokens: [String]) { self.tokens = tokens }

  /// - Parameter fragment: what stands behind `#`.
  /// - Throws: `FormatError` for a name, which would be an anchor, a percent sign without two digits, and a ~
  ///   without 0 or 1.
  init(fragment: String, place: String) throws(FormatError) {
    func malformed(_ what: String) -> FormatError {
      FormatError(
        .malformed, what: "\(what) in the reference #\(fragment)", place: place,
        expected: "a JSON pointer")
    }
    var bytes: [UInt8] = []
    var rest = fragment.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(Self.digit),
        let low = rest.popFirst().flatMap(Self.digit)
      else { throw malformed("a % without two hexadecimal digits") }
      bytes.append(high << 4 | low)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw malformed("bytes that are no UTF-8")
    }
    guard text.utf8.first ?? UInt8(ascii: "/") == UInt8(ascii: "/") else {
      throw FormatError(
        .missing, what: "there is no $anchor \"\(fragment)\"", place: place,
        hint: "a reference is a JSON pointer, as #/$defs/name, or a name that a part has")
    }
    var tokens: [String] = []
    for part in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .dropFirst()
    {
      let pieces = part.split(separator: UInt8(ascii: "~"), omittingEmptySubsequences: false)
      var token = String(Substring(pieces.first ?? part))
      for piece in pieces.dropFirst() {
        guard let code = piece.first, code == UInt8(ascii: "0") || code == UInt8(ascii: "1") else {
          throw malformed("a ~ without 0 or 1")
        }
        token += (code == UInt8(ascii: "0") ? "~" : "/") + String(Substring(piece.dropFirst()))
      }
      tokens.append(token)
    }
    self.tokens = tokens
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    byte < 0x80 ? Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) } : nil
  }

  /// What the pointer names in a document; nil when there is nothing.
  func target(in document: JSONValue) -> JSONValue? {
    var target = document
    for token in tokens {
      guard let next = target[token] ?? Self.element(token, of: target) else { return nil }
      target = next
    }
    return target
  }

  /// The element of a list at a place, written without zeros in front.
  private static func element(_ token: String, of list: JSONValue) -> JSONValue? {
    guard let elements = list.array, let place = Int(token), String(place) == token,
      elements.indices.contains(place)
    else { return nil }
    return elements[place]
  }

  /// The one way to write the pointer as a fragment, `#` included: the same for pointers to the same part.
  var text: String {
    "#" + tokens.map { "/" + Self.escaped($0) }.joined()
  }

  private static func escaped(_ token: String) -> String {
    var text = ""
    for byte in token.utf8 {
      switch Unicode.Scalar(byte) {
      case "~": text += "~0"
      case "/": text += "~1"
      case let scalar where plain.contains(scalar): text.unicodeScalars.append(scalar)
      default: text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return text
  }

  /// What a fragment may hold without a percent sign (RFC 3986, 3.5).
  private static let plain = Set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@?"
      .unicodeScalars)
}
