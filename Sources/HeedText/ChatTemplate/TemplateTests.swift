/// What stands behind `is`.
enum TemplateTests {
  static let names: Set<String> = [
    "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
    "string", "mapping", "iterable", "sequence", "callable", "odd", "even", "divisibleby", "eq",
    "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge",
    ">=", "in", "upper", "lower", "sameas", "escaped", "filter", "test",
  ]

  static func apply(
    _ name: String, _ value: TemplateValue, _ arguments: TemplateCall,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Bool {
    func other() throws(TemplateError) -> TemplateValue {
      guard let first = arguments.places.first else {
        throw TemplateError(.runtime, "TypeError: the test '\(name)' needs an argument")
      }
      return first
    }
    func compared(_ sign: String) throws(TemplateError) -> Bool {
      try TemplateOperators.compare(sign, value, other(), interpreter)
    }
    func remainder(by divisor: Int) throws(TemplateError) -> Bool {
      guard let whole = value.wholeNumber else {
        if case .undefined(let what) = value { throw TemplateError(.template, what) }
        throw TemplateError(.runtime, "TypeError: '\(name)' needs a whole number")
      }
      guard divisor != 0 else {
        throw TemplateError(.runtime, "ZeroDivisionError: integer modulo by zero")
      }
      return divisor == -1 || whole % divisor == 0
    }
    switch name {
    case "defined": if case .undefined = value { return false } else { return true }
    case "undefined": if case .undefined = value { return true } else { return false }
    case "none": if case .none = value { return true } else { return false }
    case "boolean": if case .bool = value { return true } else { return false }
    case "true": if case .bool(true) = value { return true } else { return false }
    case "false": if case .bool(false) = value { return true } else { return false }
    case "integer": if case .integer = value { return true } else { return false }
    case "float": if case .number = value { return true } else { return false }
    case "number": return value.anyNumber != nil
    case "string": if case .string = value { return true } else { return false }
    case "mapping": if case .dictionary = value { return true } else { return false }
    case "iterable", "sequence":
      switch value {
      case .string, .list, .tuple, .dictionary: return true
      case .undefined: return true
      default: return false
      }
    case "callable":
      switch value {
      // What is not defined can be called, to say so.
      case .callable, .undefined: return true
      default: return false
      }
    case "odd": return !(try remainder(by: 2))
    case "even": return try remainder(by: 2)
    case "divisibleby": return try remainder(by: other().wholeNumber ?? 0)
    case "eq", "equalto", "==": return try compared("==")
    case "ne", "!=": return try compared("!=")
    case "lt", "lessthan", "<": return try compared("<")
    case "le", "<=": return try compared("<=")
    case "gt", "greaterthan", ">": return try compared(">")
    case "ge", ">=": return try compared(">=")
    case "in": return try compared("in")
    case "upper", "lower":
      let text = try interpreter.text(value)
      try interpreter.charge(text.utf8.count >> 4)
      let letters = text.unicodeScalars.filter(\.properties.isCased)
      return !letters.isEmpty
        && letters.allSatisfy {
          name == "upper" ? $0.properties.isUppercase : $0.properties.isLowercase
        }
    case "sameas": return try isSame(value, other(), interpreter)
    case "filter": return TemplateFilters.names.contains(try interpreter.text(value))
    case "test": return names.contains(try interpreter.text(value))
    default: return false
    }
  }

  private static func isSame(
    _ left: TemplateValue, _ right: TemplateValue, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Bool {
    guard left.typeName == right.typeName else { return false }
    return try TemplateOperators.areEqual(left, right, interpreter)
  }
}
