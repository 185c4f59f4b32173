// From the loosest to the tightest: if-else, or, and, not, comparisons, + -, ~, * / // %, **, sign,
// then attributes, elements and calls, then filters and tests. That `~` binds tighter than `+`, that
// `**` groups to the left and that a sign binds tighter than `**` is how Jinja does it.

extension TemplateParser {
  /// One expression, or several with commas between them as a tuple.
  mutating func tuple(withCondition: Bool = true) throws(TemplateError) -> TemplateExpression {
    let first = try expression(withCondition: withCondition)
    guard token == .sign(",") else { return first }
    var parts = [first]
    while skip(",") {
      switch token {
      case .blockEnd, .valueEnd, .sign(")"), .sign("="): return .tuple(parts)
      default: parts.append(try expression(withCondition: withCondition))
      }
    }
    return .tuple(parts)
  }

  mutating func expression(withCondition: Bool = true) throws(TemplateError) -> TemplateExpression {
    try deeper { (parser) throws(TemplateError) in
      withCondition ? try parser.conditional() : try parser.either()
    }
  }

  private mutating func conditional() throws(TemplateError) -> TemplateExpression {
    var value = try either()
    while skipName("if") {
      try chain()
      let test = try either()
      let otherwise: TemplateExpression? = skipName("else") ? try expression() : nil
      value = .conditional(value, if: test, else: otherwise)
    }
    return value
  }

  private mutating func either() throws(TemplateError) -> TemplateExpression {
    var left = try both()
    while skipName("or") {
      try chain()
      left = .either(left, try both())
    }
    return left
  }

  private mutating func both() throws(TemplateError) -> TemplateExpression {
    var left = try negated()
    while skipName("and") {
      try chain()
      left = .both(left, try negated())
    }
    return left
  }

  private mutating func negated() throws(TemplateError) -> TemplateExpression {
    guard skipName("not") else { return try compared() }
    return .not(try deeper { (parser) throws(TemplateError) in try parser.negated() })
  }

  private mutating func compared() throws(TemplateError) -> TemplateExpression {
    let left = try sum()
    var rest: [(sign: String, right: TemplateExpression)] = []
    while true {
      switch token {
      case .sign(let sign) where ["==", "!=", "<", "<=", ">", ">="].contains(sign):
        advance()
        rest.append((sign, try sum()))
      case .name("in"):
        advance()
        rest.append(("in", try sum()))
      case .name("not") where following == .name("in"):
        advance()
        advance()
        rest.append(("not in", try sum()))
      default: return rest.isEmpty ? left : .compared(left, rest)
      }
    }
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    var left = try joined()
    while case .sign(let sign) = token, sign == "+" || sign == "-" {
      advance()
      try chain()
      left = .binary(sign, left, try joined())
    }
    return left
  }

  private mutating func joined() throws(TemplateError) -> TemplateExpression {
    let first = try product()
    guard token == .sign("~") else { return first }
    var parts = [first]
    while skip("~") { parts.append(try product()) }
    return .joined(parts)
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    var left = try power()
    while case .sign(let sign) = token, ["*", "/", "//", "%"].contains(sign) {
      advance()
      try chain()
      left = .binary(sign, left, try power())
    }
    return left
  }

  private mutating func power() throws(TemplateError) -> TemplateExpression {
    var left = try signed(withFilters: true)
    while skip("**") {
      try chain()
      left = .binary("**", left, try signed(withFilters: true))
    }
    return left
  }

  private mutating func signed(withFilters: Bool) throws(TemplateError) -> TemplateExpression {
    var value: TemplateExpression
    if skip("-") {
      value = .negative(
        try deeper { (parser) throws(TemplateError) in try parser.signed(withFilters: false) })
    } else if skip("+") {
      value = .positive(
        try deeper { (parser) throws(TemplateError) in try parser.signed(withFilters: false) })
    } else {
      value = try primary()
    }
    value = try followed(value)
    return withFilters ? try filtered(value) : value
  }

  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    switch token {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .constant(.bool(true))
      case "false", "False": return .constant(.bool(false))
      case "none", "None": return .constant(.none)
      default: return .name(name)
      }
    case .string(var text):
      advance()
      while case .string(let more) = token {
        text += more
        advance()
      }
      return .constant(.string(text))
    case .integer(let value):
      advance()
      return .constant(.integer(value))
    case .number(let value):
      advance()
      return .constant(.number(value))
    case .sign("("):
      advance()
      if skip(")") { return .tuple([]) }
      let inner = try tuple()
      try expect(.sign(")"))
      return inner
    case .sign("["):
      advance()
      var parts: [TemplateExpression] = []
      while !skip("]") {
        if !parts.isEmpty {
          try expect(.sign(","))
          if skip("]") { break }
        }
        parts.append(try expression())
      }
      return .list(parts)
    case .sign("{"): return try dictionary()
    default: throw error("Expected an expression, got '\(token.shown)'")
    }
  }

  private mutating func dictionary() throws(TemplateError) -> TemplateExpression {
    advance()
    var members: [(key: TemplateExpression, value: TemplateExpression)] = []
    while !skip("}") {
      if !members.isEmpty {
        try expect(.sign(","))
        if skip("}") { break }
      }
      let key = try expression()
      try expect(.sign(":"))
      members.append((key, try expression()))
    }
    return .dictionary(members)
  }

  /// Attributes, elements and calls behind a value.
  private mutating func followed(
    _ start: TemplateExpression
  ) throws(TemplateError) -> TemplateExpression {
    var value = start
    while true {
      switch token {
      case .sign("."):
        advance()
        try chain()
        if case .integer(let index) = token {
          advance()
          value = .element(value, .constant(.integer(index)))
        } else {
          value = .attribute(value, try name())
        }
      case .sign("["):
        advance()
        try chain()
        value = try subscripted(value)
      case .sign("("):
        try chain()
        value = .call(value, try arguments())
      default: return value
      }
    }
  }

  private mutating func subscripted(
    _ value: TemplateExpression
  ) throws(TemplateError) -> TemplateExpression {
    var parts: [TemplateExpression?] = [nil]
    while !skip("]") {
      if skip(":") {
        guard parts.count < 3 else { throw error("a slice has at most three parts") }
        parts.append(nil)
      } else {
        guard parts[parts.count - 1] == nil else {
          throw error("expected ']', got '\(token.shown)'")
        }
        parts[parts.count - 1] = try tuple()
      }
    }
    if parts.count == 1 {
      guard let index = parts[0] else { throw error("Expected an expression, got ']'") }
      return .element(value, index)
    }
    return .slice(value, parts[0], parts[1], parts.count > 2 ? parts[2] : nil)
  }

  /// Filters, tests and calls behind a value.
  private mutating func filtered(
    _ start: TemplateExpression
  ) throws(TemplateError) -> TemplateExpression {
    var value = start
    while true {
      if skip("|") {
        try chain()
        value = try filter(of: value)
      } else if token == .name("is") {
        advance()
        try chain()
        value = try test(of: value)
      } else if token == .sign("(") {
        try chain()
        value = .call(value, try arguments())
      } else {
        return value
      }
    }
  }

  /// The filter whose name stands here, applied to `value`.
  mutating func filter(of value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let line = line
    let name = try name()
    guard TemplateFilters.names.contains(name) else { throw error("No filter named '\(name)'.") }
    let arguments = token == .sign("(") ? try arguments() : TemplateArguments()
    return .filter(value, name, arguments, line: line)
  }

  private mutating func test(
    of value: TemplateExpression
  ) throws(TemplateError) -> TemplateExpression {
    let isNegated = skipName("not")
    let name = try name()
    guard TemplateTests.names.contains(name) else { throw error("No test named '\(name)'.") }
    var arguments = TemplateArguments()
    switch token {
    case .sign("("): arguments = try self.arguments()
    case .name(let next) where !["else", "or", "and", "is", "if", "in", "not"].contains(next):
      arguments.places = [try followed(try primary())]
    case .string, .integer, .number, .sign("["), .sign("{"):
      arguments.places = [try followed(try primary())]
    default: break
    }
    let test = TemplateExpression.test(value, name, arguments)
    return isNegated ? .not(test) : test
  }

  private mutating func arguments() throws(TemplateError) -> TemplateArguments {
    try expect(.sign("("))
    var result = TemplateArguments()
    var isFirst = true
    while !skip(")") {
      if !isFirst {
        try expect(.sign(","))
        if skip(")") { break }
      }
      isFirst = false
      if case .name(let name) = token, following == .sign("=") {
        advance()
        advance()
        result.names.append((name, try expression()))
      } else {
        guard result.names.isEmpty else {
          throw error("an argument without a name follows one with a name")
        }
        result.places.append(try expression())
      }
    }
    return result
  }
}
