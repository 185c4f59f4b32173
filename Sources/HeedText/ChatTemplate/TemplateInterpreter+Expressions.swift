import HeedFormats

extension TemplateInterpreter {
  /// The value of an expression.
  func value(
    of expression: TemplateExpression, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    try charge()
    return try deeper { () throws(TemplateError) in try evaluated(expression, scope) }
  }

  private func evaluated(
    _ expression: TemplateExpression, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    switch expression {
    case .constant(let constant): return Self.value(of: constant)
    case .name(let name): return scope.value(name) ?? .undefined("'\(name)' is undefined")
    case .list(let parts): return try list(values(of: parts, scope))
    case .tuple(let parts): return .tuple(TemplateList(try values(of: parts, scope)))
    case .dictionary(let members):
      var values: [(TemplateValue, TemplateValue)] = []
      for member in members {
        values.append((try value(of: member.key, scope), try value(of: member.value, scope)))
      }
      return try dictionary(values)
    case .attribute(let owner, let name): return try attribute(value(of: owner, scope), name)
    case .element(let owner, let index):
      return try element(value(of: owner, scope), value(of: index, scope))
    case .slice(let owner, let start, let end, let step):
      return try slice(
        value(of: owner, scope), optional(start, scope), optional(end, scope),
        optional(step, scope))
    case .call(let function, let arguments):
      return try call(value(of: function, scope), self.arguments(arguments, scope))
    case .filter(let inner, let name, let arguments, let line):
      let value = try value(of: inner, scope)
      do throws(TemplateError) {
        return try TemplateFilters.apply(name, value, self.arguments(arguments, scope), self)
      } catch {
        var placed = error
        placed.line = placed.line ?? line
        throw placed
      }
    case .test(let inner, let name, let arguments):
      return .bool(
        try TemplateTests.apply(
          name, value(of: inner, scope), self.arguments(arguments, scope), self))
    case .negative(let inner): return try TemplateOperators.negative(value(of: inner, scope))
    case .positive(let inner):
      let value = try value(of: inner, scope)
      _ = try TemplateOperators.negative(value)
      return value
    case .not(let inner): return .bool(!(try value(of: inner, scope).isTrue))
    case .both(let left, let right):
      let first = try value(of: left, scope)
      return first.isTrue ? try value(of: right, scope) : first
    case .either(let left, let right):
      let first = try value(of: left, scope)
      return first.isTrue ? first : try value(of: right, scope)
    case .binary(let sign, let left, let right):
      return try TemplateOperators.binary(
        sign, value(of: left, scope), value(of: right, scope), self)
    case .joined(let parts):
      var writer = TemplateWriter(limit: limits.textBytes)
      for part in parts { try writer.append(text(value(of: part, scope))) }
      return try string(writer.text)
    case .compared(let first, let rest):
      var left = try value(of: first, scope)
      for (sign, expression) in rest {
        let right = try value(of: expression, scope)
        if !(try TemplateOperators.compare(sign, left, right, self)) { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .conditional(let then, let test, let otherwise):
      if try value(of: test, scope).isTrue { return try value(of: then, scope) }
      return try otherwise.map { (other) throws(TemplateError) in try value(of: other, scope) }
        ?? .undefined("the inline if-expression is false and has no else")
    }
  }

  private static func value(of constant: TemplateConstant) -> TemplateValue {
    switch constant {
    case .none: .none
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .string(let text): .string(text)
    }
  }

  private func values(
    of expressions: [TemplateExpression], _ scope: TemplateScope
  ) throws(TemplateError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    for expression in expressions { values.append(try value(of: expression, scope)) }
    return values
  }

  private func optional(
    _ expression: TemplateExpression?, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue? {
    guard let expression else { return nil }
    let value = try value(of: expression, scope)
    if case .none = value { return nil }
    return value
  }

  func arguments(
    _ arguments: TemplateArguments, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateCall {
    var call = TemplateCall(places: try values(of: arguments.places, scope))
    for (name, expression) in arguments.names {
      call.names.append((name, try value(of: expression, scope)))
    }
    return call
  }

  func call(
    _ function: TemplateValue, _ arguments: TemplateCall
  ) throws(TemplateError) -> TemplateValue {
    switch function {
    case .callable(let callable): return try callable.call(arguments, self)
    case .undefined(let what): throw TemplateError(.template, what)
    default:
      throw TemplateError(.runtime, "TypeError: '\(function.typeName)' object is not callable")
    }
  }

  /// What stands behind a dot: an attribute, or a member.
  func attribute(_ owner: TemplateValue, _ name: String) throws(TemplateError) -> TemplateValue {
    switch owner {
    case .undefined(let what): throw TemplateError(.template, what)
    case .dictionary(let dictionary):
      // Methods first, as attributes come before members in Jinja.
      if let method = TemplateMethods.method(name, of: owner) { return method }
      return dictionary[name] ?? .undefined("'dict object' has no attribute '\(name)'")
    case .namespace(let namespace):
      return namespace.values[ExactString(name)]
        ?? .undefined("'namespace object' has no attribute '\(name)'")
    case .callable(let callable):
      return callable.attribute(name) ?? .undefined("a function has no attribute '\(name)'")
    case .none: return .undefined("'None' has no attribute '\(name)'")
    default:
      return TemplateMethods.method(name, of: owner)
        ?? .undefined("'\(owner.typeName) object' has no attribute '\(name)'")
    }
  }

  /// What stands in brackets: a member, an element, or an attribute.
  func element(_ owner: TemplateValue, _ index: TemplateValue) throws(TemplateError)
    -> TemplateValue
  {
    switch (owner, index) {
    case (.undefined(let what), _): throw TemplateError(.template, what)
    case (.dictionary(let dictionary), _):
      if let value = dictionary[index] { return value }
      if case .string(let name) = index {
        return TemplateMethods.method(name, of: owner)
          ?? .undefined("'dict object' has no attribute '\(name)'")
      }
      return .undefined("dict object has no element \(try text(index))")
    case (.list(let list), _) where index.wholeNumber != nil,
      (.tuple(let list), _) where index.wholeNumber != nil:
      let place = index.wholeNumber ?? 0
      let wanted = place < 0 ? place &+ list.items.count : place
      guard list.items.indices.contains(wanted) else {
        return .undefined("\(owner.typeName) object has no element \(place)")
      }
      return list.items[wanted]
    case (.string(let text), _) where index.wholeNumber != nil:
      try charge(text.utf8.count >> 4)
      let scalars = text.unicodeScalars
      let place = index.wholeNumber ?? 0
      let wanted = place < 0 ? place &+ scalars.count : place
      guard wanted >= 0,
        let found = scalars.index(
          scalars.startIndex, offsetBy: wanted, limitedBy: scalars.endIndex),
        found < scalars.endIndex
      else { return .undefined("str object has no element \(place)") }
      return .string(String(scalars[found]))
    case (_, .string(let name)): return try attribute(owner, name)
    default: return .undefined("\(owner.typeName) object has no element \(try text(index))")
    }
  }

  private func slice(
    _ owner: TemplateValue, _ start: TemplateValue?, _ end: TemplateValue?, _ step: TemplateValue?
  ) throws(TemplateError) -> TemplateValue {
    func whole(_ value: TemplateValue?) throws(TemplateError) -> Int? {
      guard let value else { return nil }
      guard let number = value.wholeNumber else {
        throw TemplateError(
          .runtime, "TypeError: slice indices must be integers, not \(value.typeName)")
      }
      // Far beyond any length; keeps the sums below from overflowing.
      return max(-1 << 40, min(1 << 40, number))
    }
    let (start, end, step) = (try whole(start), try whole(end), try whole(step) ?? 1)
    guard step != 0 else { throw TemplateError(.runtime, "ValueError: slice step cannot be zero") }
    func cut<Item>(_ items: [Item]) -> [Item] {
      let count = items.count
      func clamped(_ value: Int?, default standard: Int) -> Int {
        guard let value else { return standard }
        let place = value < 0 ? value + count : value
        return step > 0 ? max(0, min(count, place)) : max(-1, min(count - 1, place))
      }
      let first = clamped(start, default: step > 0 ? 0 : count - 1)
      let last = clamped(end, default: step > 0 ? count : -1)
      return stride(from: first, to: last, by: step).map { items[$0] }
    }
    switch owner {
    case .undefined(let what): throw TemplateError(.template, what)
    case .list(let items): return try list(cut(items.items))
    case .tuple(let items): return .tuple(TemplateList(cut(items.items)))
    case .string(let text):
      try charge(text.utf8.count >> 2)
      return try string(String(String.UnicodeScalarView(cut(Array(text.unicodeScalars)))))
    default:
      throw TemplateError(.runtime, "TypeError: '\(owner.typeName)' object is not subscriptable")
    }
  }

  /// What a loop over `value` goes through.
  func items(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
    switch value {
    case .undefined: return []
    case .list(let list), .tuple(let list):
      try charge(list.items.count >> 2)
      return list.items
    case .dictionary(let dictionary):
      try charge(dictionary.count >> 2)
      return dictionary.keys
    case .string(let text):
      try charge(text.utf8.count)
      return text.unicodeScalars.map { .string(String($0)) }
    default:
      throw TemplateError(.runtime, "TypeError: '\(value.typeName)' object is not iterable")
    }
  }
}
