// Text between tags keeps its place; within tags there are words, numbers, strings and signs. What a
// tag does to the white space around it is settled here, so that nobody else has to know:
// - a minus at a tag eats all white space on its side;
// - a block alone on its line eats the spaces before it and the newline after it (`lstrip_blocks`,
//   `trim_blocks`), unless a plus says otherwise.

/// A piece of a template.
enum TemplateToken: Equatable, Sendable {
  /// Text to be written as it is.
  case text(String)
  case blockBegin, blockEnd
  case valueBegin, valueEnd
  case name(String)
  case string(String)
  case integer(Int)
  case number(Double)
  case sign(String)
  case end

  /// For messages.
  var shown: String {
    switch self {
    case .text: "text"
    case .blockBegin: "begin of statement block"
    case .blockEnd: "end of statement block"
    case .valueBegin: "begin of print statement"
    case .valueEnd: "end of print statement"
    case .name(let name): name
    case .string: "a string"
    case .integer, .number: "a number"
    case .sign(let sign): sign
    case .end: "end of template"
    }
  }
}

/// A token with the line on which it stands.
struct PlacedToken: Sendable {
  let token: TemplateToken
  let line: Int
}

/// Cuts a template into tokens.
struct TemplateLexer {
  private let source: [Unicode.Scalar]
  private var place = 0
  private var line = 1
  private var tokens: [PlacedToken] = []
  /// Whether the text at `place` begins a line.
  private var isLineStart = true
  /// Whether the last tag eats the white space behind it.
  private var eatsSpace = false

  static func tokens(of source: String) throws(TemplateError) -> [PlacedToken] {
    var lexer = TemplateLexer(source)
    try lexer.run()
    return lexer.tokens
  }

  private init(_ source: String) {
    // One kind of newline, and without the one at the very end.
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(source.utf8.count)
    var wasReturn = false
    for scalar in source.unicodeScalars {
      if scalar == "\n", wasReturn {
        wasReturn = false
        continue
      }
      wasReturn = scalar == "\r"
      scalars.append(wasReturn ? "\n" : scalar)
    }
    if scalars.last == "\n" { scalars.removeLast() }
    self.source = scalars
  }

  private func scalar(_ offset: Int = 0) -> Unicode.Scalar? {
    place + offset < source.count ? source[place + offset] : nil
  }

  private func starts(with text: StaticString, at start: Int) -> Bool {
    let wanted = text.description.unicodeScalars
    return start + wanted.count <= source.count
      && zip(source[start...], wanted).allSatisfy { $0 == $1 }
  }

  private mutating func append(_ token: TemplateToken) {
    tokens.append(PlacedToken(token: token, line: line))
  }

  private func error(_ message: String) -> TemplateError {
    TemplateError(.syntax, message, line: line)
  }

  private mutating func run() throws(TemplateError) {
    while place < source.count {
      let start = place
      while place < source.count,
        !(source[place] == "{"
          && (scalar(1) == "{" || scalar(1) == "%" || scalar(1) == "#"))
      {
        place += 1
      }
      guard place < source.count else {
        appendText(start..<place, strips: false, isBlock: false)
        break
      }
      let mark = scalar(2)
      let kind = source[place + 1]
      appendText(
        start..<place, strips: mark == "-", isBlock: kind != "{" && mark != "+")
      place += 2
      if mark == "-" || (mark == "+" && kind != "{") { place += 1 }
      switch kind {
      case "#": try skipComment()
      case "%":
        if try !readRaw() {
          append(.blockBegin)
          try readTag(end: "%")
        }
      default:
        append(.valueBegin)
        try readTag(end: "}")
      }
    }
    append(.end)
  }

  /// Text before a tag, without the white space that the tags around it eat.
  private mutating func appendText(_ range: Range<Int>, strips: Bool, isBlock: Bool) {
    var range = range
    let newlines = source[range].count { $0 == "\n" }
    if eatsSpace {
      while let first = range.first, source[first].properties.isWhitespace {
        range = first + 1..<range.upperBound
      }
    }
    eatsSpace = false
    if strips {
      while let last = range.last, source[last].properties.isWhitespace {
        range = range.lowerBound..<last
      }
    } else if isBlock {
      let begin = source[range].lastIndex(of: "\n").map { $0 + 1 } ?? range.lowerBound
      let beginsLine = begin > range.lowerBound || isLineStart
      if beginsLine, source[begin..<range.upperBound].allSatisfy(\.properties.isWhitespace) {
        range = range.lowerBound..<begin
      }
    }
    if !range.isEmpty {
      append(.text(String(String.UnicodeScalarView(source[range]))))
    }
    line += newlines
  }

  /// What a closing tag does to the text behind it.
  private mutating func close(mark: Unicode.Scalar?, isBlock: Bool) {
    eatsSpace = mark == "-"
    isLineStart = false
    if isBlock, mark != "+", mark != "-", scalar() == "\n" {
      place += 1
      line += 1
      isLineStart = true
    }
  }

  private mutating func skipComment() throws(TemplateError) {
    let opened = line
    while place < source.count, !starts(with: "#}", at: place) {
      if source[place] == "\n" { line += 1 }
      place += 1
    }
    guard place < source.count else {
      throw TemplateError(.syntax, "a comment has no end", line: opened)
    }
    let mark = source[place - 1]
    place += 2
    close(mark: mark == "-" || mark == "+" ? mark : nil, isBlock: true)
  }

  /// Reads `raw %} ... {% endraw %}` if it stands here.
  private mutating func readRaw() throws(TemplateError) -> Bool {
    var next = place
    func skipSpace() {
      while next < source.count, source[next].properties.isWhitespace { next += 1 }
    }
    skipSpace()
    guard starts(with: "raw", at: next) else { return false }
    next += 3
    skipSpace()
    let mark =
      next < source.count && (source[next] == "-" || source[next] == "+")
      ? source[next] : nil
    if mark != nil { next += 1 }
    guard starts(with: "%}", at: next) else { return false }
    place = next + 2
    close(mark: mark, isBlock: true)
    let start = place
    while place < source.count {
      if starts(with: "{%", at: place) {
        next = place + 2
        let before =
          next < source.count && (source[next] == "-" || source[next] == "+")
          ? source[next] : nil
        if before != nil { next += 1 }
        skipSpace()
        if starts(with: "endraw", at: next) {
          next += 6
          skipSpace()
          let after =
            next < source.count && (source[next] == "-" || source[next] == "+")
            ? source[next] : nil
          if after != nil { next += 1 }
          if starts(with: "%}", at: next) {
            appendText(start..<place, strips: before == "-", isBlock: before != "+")
            place = next + 2
            close(mark: after, isBlock: true)
            return true
          }
        }
      }
      place += 1
    }
    throw error("a raw block has no end")
  }

  /// The tokens of a tag up to its end, `%}` or `}}`.
  private mutating func readTag(end: Unicode.Scalar) throws(TemplateError) {
    let opened = line
    var brackets: [Unicode.Scalar] = []
    while let next = scalar() {
      if next.properties.isWhitespace {
        if next == "\n" { line += 1 }
        place += 1
        continue
      }
      if brackets.isEmpty, let mark = closing(end) {
        append(end == "%" ? .blockEnd : .valueEnd)
        close(mark: mark == " " ? nil : mark, isBlock: end == "%")
        return
      }
      switch next {
      case "(", "[", "{":
        brackets.append(next == "(" ? ")" : next == "[" ? "]" : "}")
        append(.sign(String(next)))
        place += 1
      case ")", "]", "}":
        guard brackets.popLast() == next else { throw error("unexpected '\(next)'") }
        append(.sign(String(next)))
        place += 1
      case "'", "\"": try readString(next)
      case "0"..."9": try readNumber()
      case "_": readName()
      case _ where next.properties.isXIDStart: readName()
      default: try readSign()
      }
    }
    throw TemplateError(.syntax, "a tag has no end", line: opened)
  }

  /// The mark before the end of the tag (a space for none) when the end stands here.
  private mutating func closing(_ end: Unicode.Scalar) -> Unicode.Scalar? {
    if scalar() == end, scalar(1) == "}" {
      place += 2
      return " "
    }
    if let mark = scalar(), mark == "-" || (mark == "+" && end == "%"), scalar(1) == end,
      scalar(2) == "}"
    {
      place += 3
      return mark
    }
    return nil
  }

  private mutating func readName() {
    let start = place
    while let next = scalar(), next == "_" || next.properties.isXIDContinue { place += 1 }
    append(.name(String(String.UnicodeScalarView(source[start..<place]))))
  }

  private mutating func readNumber() throws(TemplateError) {
    let start = place
    var isWhole = true
    func isDigit(_ scalar: Unicode.Scalar?) -> Bool {
      scalar.map { ("0"..."9").contains($0) || $0 == "_" } ?? false
    }
    while isDigit(scalar()) { place += 1 }
    if scalar() == ".", isDigit(scalar(1)) {
      isWhole = false
      place += 1
      while isDigit(scalar()) { place += 1 }
    }
    if scalar() == "e" || scalar() == "E" {
      let sign = scalar(1) == "+" || scalar(1) == "-" ? 1 : 0
      if isDigit(scalar(1 + sign)) {
        isWhole = false
        place += 1 + sign
        while isDigit(scalar()) { place += 1 }
      }
    }
    let text = String(String.UnicodeScalarView(source[start..<place].filter { $0 != "_" }))
    if isWhole, let value = Int(text) {
      append(.integer(value))
    } else if !isWhole, let value = Double(text) {
      append(.number(value))
    } else {
      throw error("the number \(text) is too large")
    }
  }

  private mutating func readString(_ quote: Unicode.Scalar) throws(TemplateError) {
    let opened = line
    var text = String.UnicodeScalarView()
    place += 1
    while let next = scalar() {
      place += 1
      if next == quote {
        append(.string(String(text)))
        return
      }
      if next == "\n" { line += 1 }
      guard next == "\\" else {
        text.append(next)
        continue
      }
      guard let escaped = scalar() else { break }
      place += 1
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "r": text.append("\r")
      case "b": text.append("\u{8}")
      case "f": text.append("\u{C}")
      case "v": text.append("\u{B}")
      case "a": text.append("\u{7}")
      case "0": text.append("\u{0}")
      case "\n": line += 1
      case "x": text.append(try hexadecimal(2))
      case "u": text.append(try hexadecimal(4))
      case "U": text.append(try hexadecimal(8))
      case "\\", "'", "\"": text.append(escaped)
      default:
        text.append("\\")
        text.append(escaped)
      }
    }
    throw TemplateError(.syntax, "a string has no end", line: opened)
  }

  private mutating func hexadecimal(_ digits: Int) throws(TemplateError) -> Unicode.Scalar {
    let end = min(place + digits, source.count)
    let text = String(String.UnicodeScalarView(source[place..<end]))
    guard text.utf8.count == digits, let value = UInt32(text, radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw error("\\\(text) is no character") }
    place = end
    return scalar
  }

  private mutating func readSign() throws(TemplateError) {
    for sign in ["**", "//", "==", "!=", ">=", "<="] as [StaticString]
    where starts(with: sign, at: place) {
      append(.sign(sign.description))
      place += 2
      return
    }
    guard let next = scalar(), "+-*/%~|.,:=<>".unicodeScalars.contains(next) else {
      throw error("unexpected character '\(source[place])'")
    }
    append(.sign(String(next)))
    place += 1
  }
}
