/// Makes a tree of statements from tokens; recursive descent.
struct TemplateParser {
  private let tokens: [PlacedToken]
  private var place = 0
  private var depth = 0
  private var loopDepth = 0
  /// Operators applied one after the other in the present expression: they nest the tree too.
  private var chained = 0

  private static let depthLimit = 100

  static func statements(
    of tokens: [PlacedToken]
  ) throws(TemplateError) -> [TemplateStatement] {
    var parser = TemplateParser(tokens)
    let statements = try parser.statements(until: [])
    return statements
  }

  private init(_ tokens: [PlacedToken]) { self.tokens = tokens }

  var token: TemplateToken { tokens[min(place, tokens.count - 1)].token }
  var following: TemplateToken { tokens[min(place + 1, tokens.count - 1)].token }
  var line: Int { tokens[min(place, tokens.count - 1)].line }

  mutating func advance() { place += 1 }

  func error(_ message: String) -> TemplateError { TemplateError(.syntax, message, line: line) }

  mutating func deeper<Result>(
    _ body: (inout TemplateParser) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    guard depth < Self.depthLimit else {
      throw TemplateError(.limit, "nested deeper than \(Self.depthLimit) levels", line: line)
    }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// Counts one more operator of a chain.
  mutating func chain() throws(TemplateError) {
    chained += 1
    guard chained <= Self.depthLimit else {
      throw TemplateError(
        .limit, "an expression of more than \(Self.depthLimit) operators", line: line)
    }
  }

  mutating func skip(_ sign: String) -> Bool {
    guard token == .sign(sign) else { return false }
    advance()
    return true
  }

  mutating func skipName(_ name: String) -> Bool {
    guard token == .name(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ wanted: TemplateToken) throws(TemplateError) {
    guard token == wanted else {
      throw error("expected \(wanted.shown), got '\(token.shown)'")
    }
    advance()
  }

  mutating func name() throws(TemplateError) -> String {
    guard case .name(let name) = token else {
      throw error("expected a name, got '\(token.shown)'")
    }
    advance()
    return name
  }

  /// An expression that begins a count of chained operators.
  mutating func freshExpression() throws(TemplateError) -> TemplateExpression {
    chained = 0
    return try tuple()
  }

  /// Statements up to a block that begins with one of `ends`, whose name is left standing.
  private mutating func statements(
    until ends: [String]
  ) throws(TemplateError) -> [TemplateStatement] {
    try deeper { (parser) throws(TemplateError) in try parser.body(until: ends) }
  }

  private mutating func body(until ends: [String]) throws(TemplateError) -> [TemplateStatement] {
    var result: [TemplateStatement] = []
    while true {
      let line = line
      switch token {
      case .text(let text):
        advance()
        result.append(TemplateStatement(kind: .text(text), line: line))
      case .valueBegin:
        advance()
        let value = try freshExpression()
        try expect(.valueEnd)
        result.append(TemplateStatement(kind: .output(value), line: line))
      case .blockBegin:
        advance()
        if case .name(let name) = token, ends.contains(name) { return result }
        if let kind = try statement() {
          result.append(TemplateStatement(kind: kind, line: line))
        } else {
          // Generation blocks mark what a model wrote, for training; their text is plain text.
          result += try generationBody()
        }
      case .end:
        guard ends.isEmpty else {
          throw error("the template ends, expected \(ends.joined(separator: " or "))")
        }
        return result
      default: throw error("unexpected '\(token.shown)'")
      }
    }
  }

  private mutating func generationBody() throws(TemplateError) -> [TemplateStatement] {
    try expect(.blockEnd)
    return try closed("endgeneration")
  }

  /// Statements and the block that ends them.
  private mutating func closed(_ end: String) throws(TemplateError) -> [TemplateStatement] {
    let body = try statements(until: [end])
    advance()
    // `endmacro` and such may name what they end.
    if case .name = token { advance() }
    try expect(.blockEnd)
    return body
  }

  /// The statement of a block; nil for a generation block.
  private mutating func statement() throws(TemplateError) -> TemplateStatement.Kind? {
    chained = 0
    let name = try name()
    switch name {
    case "generation": return nil
    case "if": return try condition()
    case "for": return try loop()
    case "set": return try assignment()
    case "macro":
      let name = try self.name()
      var parameters = try parameters()
      try expect(.blockEnd)
      let body = try macroBody("endmacro", &parameters)
      return .macro(name, parameters, body: body)
    case "call":
      var parameters = token == .sign("(") ? try parameters() : TemplateParameters()
      let call = try expression()
      guard case .call = call else { throw error("expected a call") }
      try expect(.blockEnd)
      let body = try macroBody("endcall", &parameters)
      return .callBlock(parameters, call, body: body)
    case "filter":
      let filter = try filterChain()
      try expect(.blockEnd)
      return .filterBlock(filter, body: try closed("endfilter"))
    case "with": return try scope()
    case "break", "continue":
      guard loopDepth > 0 else { throw error("\(name) outside of a loop") }
      try expect(.blockEnd)
      return name == "break" ? .break : .continue
    default: throw error("unknown statement '\(name)'")
    }
  }

  /// The body of a macro: a loop around it is not its own, and what it names says what it takes.
  private mutating func macroBody(
    _ end: String, _ parameters: inout TemplateParameters
  ) throws(TemplateError) -> [TemplateStatement] {
    let outer = loopDepth
    loopDepth = 0
    defer { loopDepth = outer }
    let start = place
    let body = try closed(end)
    for token in tokens[start..<min(place, tokens.count)].lazy.map(\.token) {
      if token == .name("varargs") { parameters.takesMorePlaces = true }
      if token == .name("kwargs") { parameters.takesMoreNames = true }
    }
    return body
  }

  private mutating func condition() throws(TemplateError) -> TemplateStatement.Kind {
    var branches: [(if: TemplateExpression, then: [TemplateStatement])] = []
    while true {
      let test = try freshExpression()
      try expect(.blockEnd)
      let body = try statements(until: ["elif", "else", "endif"])
      branches.append((test, body))
      if skipName("elif") { continue }
      var otherwise: [TemplateStatement] = []
      if skipName("else") {
        try expect(.blockEnd)
        otherwise = try statements(until: ["endif"])
      }
      advance()
      try expect(.blockEnd)
      return .condition(branches, else: otherwise)
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateStatement.Kind {
    let target = try target(isLoop: true)
    guard skipName("in") else { throw error("expected 'in', got '\(token.shown)'") }
    let sequence = try tuple(withCondition: false)
    var test: TemplateExpression?
    if skipName("if") { test = try expression() }
    let isRecursive = skipName("recursive")
    try expect(.blockEnd)
    loopDepth += 1
    let body = try statements(until: ["else", "endfor"])
    loopDepth -= 1
    var otherwise: [TemplateStatement] = []
    if skipName("else") {
      try expect(.blockEnd)
      otherwise = try statements(until: ["endfor"])
    }
    advance()
    try expect(.blockEnd)
    return .loop(
      target, in: sequence, if: test, isRecursive: isRecursive, body: body, else: otherwise)
  }

  private mutating func assignment() throws(TemplateError) -> TemplateStatement.Kind {
    let target = try target(isLoop: false)
    if skip("=") {
      let value = try freshExpression()
      try expect(.blockEnd)
      return .assign(target, value)
    }
    var filter: TemplateExpression?
    if skip("|") { filter = try filterChain() }
    try expect(.blockEnd)
    return .assignBlock(target, body: try closed("endset"), filter: filter)
  }

  private mutating func scope() throws(TemplateError) -> TemplateStatement.Kind {
    var values: [(TemplateTarget, TemplateExpression)] = []
    while token != .blockEnd {
      if !values.isEmpty { try expect(.sign(",")) }
      let target = try oneTarget(isLoop: true)
      try expect(.sign("="))
      values.append((target, try expression()))
    }
    try expect(.blockEnd)
    return .scope(values, body: try closed("endwith"))
  }

  private mutating func target(isLoop: Bool) throws(TemplateError) -> TemplateTarget {
    let first = try oneTarget(isLoop: isLoop)
    guard token == .sign(",") else { return first }
    var parts = [first]
    while skip(",") {
      guard case .name(let name) = token, name != "in" else { break }
      parts.append(try oneTarget(isLoop: isLoop))
    }
    return .tuple(parts)
  }

  private mutating func oneTarget(isLoop: Bool) throws(TemplateError) -> TemplateTarget {
    if skip("(") {
      let inner = try deeper { (parser) throws(TemplateError) in
        try parser.target(isLoop: isLoop)
      }
      try expect(.sign(")"))
      return inner
    }
    let name = try name()
    guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
      throw error("cannot assign to '\(name)'")
    }
    if !isLoop, skip(".") { return .attribute(of: name, try self.name()) }
    return .name(name)
  }

  private mutating func parameters() throws(TemplateError) -> TemplateParameters {
    var result = TemplateParameters()
    try expect(.sign("("))
    while token != .sign(")") {
      if !result.names.isEmpty { try expect(.sign(",")) }
      result.names.append(try name())
      if skip("=") {
        result.defaults.append(try expression())
      } else if !result.defaults.isEmpty {
        throw error("a parameter without a default follows one with a default")
      }
    }
    advance()
    return result
  }

  /// `name(arguments) | name ...` applied to the text of a block.
  private mutating func filterChain() throws(TemplateError) -> TemplateExpression {
    var value = try filter(of: .name(filteredTextName))
    while skip("|") {
      try chain()
      value = try filter(of: value)
    }
    return value
  }
}
