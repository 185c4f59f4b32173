/// A URI, perhaps without its first parts, as RFC 3986 takes it apart; fragments are none of its business.
struct URIReference {
  private var scheme: String?
  private var authority: String?
  private var path: String
  private var query: String?

  init(_ text: String) {
    var rest = text[...]
    if let colon = rest.firstIndex(of: ":"), colon != rest.startIndex,
      rest[..<colon].allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) })
    {
      scheme = rest[..<colon].lowercased()
      rest = rest[rest.index(after: colon)...]
    }
    if let mark = rest.firstIndex(of: "?") {
      query = String(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    if rest.hasPrefix("//") {
      let begin = rest.dropFirst(2)
      let end = begin.firstIndex(of: "/") ?? begin.endIndex
      authority = String(begin[..<end])
      rest = begin[end...]
    }
    path = String(rest)
  }

  /// What it means in a document of the URI `base` (RFC 3986, 5.2.2).
  func resolved(against base: String) -> String {
    let base = URIReference(base)
    var result = self
    if scheme == nil {
      result.scheme = base.scheme
      if authority == nil {
        result.authority = base.authority
        if path.isEmpty {
          result.path = base.path
          result.query = query ?? base.query
        } else if !path.hasPrefix("/") {
          let folder = base.path.lastIndex(of: "/").map { base.path[...$0] } ?? ""
          result.path = (base.authority != nil && base.path.isEmpty ? "/" : folder) + path
        }
      }
    }
    result.path = Self.withoutDots(result.path)
    return result.text
  }

  /// A path without `.` and `..`.
  private static func withoutDots(_ path: String) -> String {
    var kept: [Substring] = []
    let segments = path.split(separator: "/", omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      switch segment {
      case ".": if isLast { kept.append("") }
      case "..":
        if kept.count > 1 || kept.first.map({ !$0.isEmpty }) == true { kept.removeLast() }
        if isLast { kept.append("") }
      default: kept.append(segment)
      }
    }
    return kept.joined(separator: "/")
  }

  private var text: String {
    (scheme.map { $0 + ":" } ?? "") + (authority.map { "//" + $0 } ?? "") + path
      + (query.map { "?" + $0 } ?? "")
  }
}
