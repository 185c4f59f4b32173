#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Arithmetic and comparison as Python has them.
enum TemplateOperators {
  static func negative(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if let whole = value.wholeNumber {
      let (result, overflows) = Int(0).subtractingReportingOverflow(whole)
      if overflows { throw tooLarge }
      return .integer(result)
    }
    if case .number(let number) = value { return .number(-number) }
    throw refused("-", value, nil)
  }

  static let tooLarge = TemplateError(.limit, "a whole number outside of 64 bits")

  private static func refused(
    _ sign: String, _ left: TemplateValue, _ right: TemplateValue?
  ) -> TemplateError {
    for side in [left, right] {
      if case .undefined(let what)? = side { return TemplateError(.template, what) }
    }
    guard let right else {
      return TemplateError(
        .runtime, "TypeError: bad operand type for unary \(sign): '\(left.typeName)'")
    }
    if case .string = left, sign == "+" {
      return TemplateError(
        .runtime, "TypeError: can only concatenate str (not \"\(right.typeName)\") to str")
    }
    return TemplateError(
      .runtime,
      "TypeError: unsupported operand type(s) for \(sign): '\(left.typeName)' and "
        + "'\(right.typeName)'")
  }

  static func binary(
    _ sign: String, _ left: TemplateValue, _ right: TemplateValue,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    if let x = left.wholeNumber, let y = right.wholeNumber, sign != "/" {
      if sign != "**" || y >= 0 { return .integer(try whole(sign, x, y)) }
    }
    if let x = left.anyNumber, let y = right.anyNumber { return .number(try real(sign, x, y)) }
    switch (sign, left, right) {
    case ("+", .string(let x), .string(let y)):
      guard x.utf8.count + y.utf8.count <= interpreter.limits.textBytes else {
        throw TemplateError(.limit, "more than \(interpreter.limits.textBytes) bytes of text")
      }
      return try interpreter.string(x + y)
    case ("+", .list(let x), .list(let y)): return try interpreter.list(x.items + y.items)
    case ("+", .tuple(let x), .tuple(let y)):
      try interpreter.charge(x.items.count + y.items.count)
      return .tuple(TemplateList(x.items + y.items))
    case ("*", .string(let text), _) where right.wholeNumber != nil:
      return try repeated(text, right.wholeNumber ?? 0, interpreter)
    case ("*", _, .string(let text)) where left.wholeNumber != nil:
      return try repeated(text, left.wholeNumber ?? 0, interpreter)
    case ("*", .list(let list), _) where right.wholeNumber != nil:
      let count = max(0, right.wholeNumber ?? 0)
      let (total, overflows) = list.items.count.multipliedReportingOverflow(by: count)
      try interpreter.charge(overflows ? .max : total)
      return try interpreter.list(
        Array(repeatElement(list.items, count: list.items.isEmpty ? 0 : count).joined()))
    case ("%", .string(let format), _):
      let values: [TemplateValue] = if case .tuple(let list) = right { list.items } else { [right] }
      return try interpreter.string(
        TemplateFormat.percent(format, values, names: nil, interpreter))
    default: throw refused(sign, left, right)
    }
  }

  private static func repeated(
    _ text: String, _ count: Int, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    let count = text.isEmpty ? 0 : max(0, count)
    let (total, overflows) = text.utf8.count.multipliedReportingOverflow(by: count)
    guard !overflows, total <= interpreter.limits.textBytes else {
      throw TemplateError(.limit, "more than \(interpreter.limits.textBytes) bytes of text")
    }
    return try interpreter.string(String(repeating: text, count: count))
  }

  private static func whole(_ sign: String, _ x: Int, _ y: Int) throws(TemplateError) -> Int {
    let (result, overflows): (Int, Bool)
    switch sign {
    case "+": (result, overflows) = x.addingReportingOverflow(y)
    case "-": (result, overflows) = x.subtractingReportingOverflow(y)
    case "*": (result, overflows) = x.multipliedReportingOverflow(by: y)
    case "//", "%":
      guard y != 0 else {
        throw TemplateError(.runtime, "ZeroDivisionError: division by zero")
      }
      // Towards minus infinity, as Python does.
      let (quotient, isTooLarge) = x.dividedReportingOverflow(by: y)
      if isTooLarge { throw tooLarge }
      let remainder = x % y
      let isOff = remainder != 0 && (remainder < 0) != (y < 0)
      (result, overflows) = (
        sign == "%" ? (isOff ? remainder + y : remainder) : (isOff ? quotient - 1 : quotient), false
      )
    default:
      var power = 1
      if x.magnitude < 2 {
        power = x == 0 ? (y == 0 ? 1 : 0) : x == 1 || y % 2 == 0 ? 1 : -1
      } else {
        for _ in 0..<min(y, 64) {
          let (next, isTooLarge) = power.multipliedReportingOverflow(by: x)
          if isTooLarge { throw tooLarge }
          power = next
        }
        if y > 64 { throw tooLarge }
      }
      (result, overflows) = (power, false)
    }
    if overflows { throw tooLarge }
    return result
  }

  private static func real(
    _ sign: String, _ x: Double, _ y: Double
  ) throws(TemplateError) -> Double {
    switch sign {
    case "+": return x + y
    case "-": return x - y
    case "*": return x * y
    case "**": return pow(x, y)
    default:
      guard y != 0 else {
        throw TemplateError(.runtime, "ZeroDivisionError: division by zero")
      }
      if sign == "/" { return x / y }
      let quotient = (x / y).rounded(.down)
      return sign == "//" ? quotient : x - quotient * y
    }
  }

  static func compare(
    _ sign: String, _ left: TemplateValue, _ right: TemplateValue,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Bool {
    switch sign {
    case "==": return try areEqual(left, right, interpreter)
    case "!=": return !(try areEqual(left, right, interpreter))
    case "in": return try contains(right, left, interpreter)
    case "not in": return !(try contains(right, left, interpreter))
    case "<": return try isBefore(left, right, sign, interpreter)
    case ">": return try isBefore(right, left, sign, interpreter)
    case "<=": return !(try isBefore(right, left, sign, interpreter))
    default: return !(try isBefore(left, right, sign, interpreter))
    }
  }

  static func areEqual(
    _ left: TemplateValue, _ right: TemplateValue, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Bool {
    try interpreter.charge()
    if let x = left.wholeNumber, let y = right.wholeNumber { return x == y }
    if let x = left.anyNumber, let y = right.anyNumber { return x == y }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let x), .string(let y)):
      try interpreter.charge(min(x.utf8.count, y.utf8.count) >> 6)
      return x.utf8.elementsEqual(y.utf8)
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)):
      guard x.items.count == y.items.count else { return false }
      for (x, y) in zip(x.items, y.items) where !(try areEqual(x, y, interpreter)) { return false }
      return true
    case (.dictionary(let x), .dictionary(let y)):
      guard x.count == y.count else { return false }
      for (key, value) in x.members {
        guard let other = y[key], try areEqual(value, other, interpreter) else { return false }
      }
      return true
    case (.namespace(let x), .namespace(let y)): return x === y
    default: return false
    }
  }

  /// Whether `left` comes before `right`.
  static func isBefore(
    _ left: TemplateValue, _ right: TemplateValue, _ sign: String,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Bool {
    try interpreter.charge()
    if let x = left.wholeNumber, let y = right.wholeNumber { return x < y }
    if let x = left.anyNumber, let y = right.anyNumber { return x < y }
    switch (left, right) {
    case (.string(let x), .string(let y)):
      try interpreter.charge(min(x.utf8.count, y.utf8.count) >> 6)
      return x.unicodeScalars.lexicographicallyPrecedes(y.unicodeScalars)
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)):
      for (x, y) in zip(x.items, y.items) where !(try areEqual(x, y, interpreter)) {
        return try isBefore(x, y, sign, interpreter)
      }
      return x.items.count < y.items.count
    case (.undefined(let what), _), (_, .undefined(let what)):
      throw TemplateError(.template, what)
    default:
      throw TemplateError(
        .runtime,
        "TypeError: '\(sign)' not supported between instances of '\(left.typeName)' and "
          + "'\(right.typeName)'")
    }
  }

  static func contains(
    _ container: TemplateValue, _ item: TemplateValue, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> Bool {
    switch (container, item) {
    case (.string(let text), .string(let part)):
      try interpreter.charge(text.utf8.count >> 4)
      return Bytes.find(Array(part.utf8), in: Array(text.utf8)) != nil
    case (.string, .undefined(let what)): throw TemplateError(.template, what)
    case (.string, _):
      throw TemplateError(
        .runtime,
        "TypeError: 'in <string>' requires string as left operand, not \(item.typeName)")
    case (.dictionary(let dictionary), _): return dictionary[item] != nil
    default:
      for other in try interpreter.items(of: container)
      where try areEqual(item, other, interpreter) { return true }
      return false
    }
  }
}

/// Searching in bytes, in linear time whatever the texts (Knuth, Morris & Pratt 1977).
enum Bytes {
  /// Where `part` first stands in `whole`, from `start` on.
  static func find(_ part: [UInt8], in whole: [UInt8], from start: Int = 0) -> Int? {
    guard !part.isEmpty else { return start <= whole.count ? start : nil }
    guard start + part.count <= whole.count else { return nil }
    var known = [Int](repeating: 0, count: part.count)  // longest proper border of each beginning
    var length = 0
    for place in part.indices.dropFirst() {
      while length > 0, part[place] != part[length] { length = known[length - 1] }
      if part[place] == part[length] { length += 1 }
      known[place] = length
    }
    length = 0
    for place in start..<whole.count {
      while length > 0, whole[place] != part[length] { length = known[length - 1] }
      if whole[place] == part[length] { length += 1 }
      if length == part.count { return place - length + 1 }
    }
    return nil
  }

  /// The pieces between the places where `separator` stands, cut at most `limit` times.
  static func split(_ whole: [UInt8], by separator: [UInt8], limit: Int = .max) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while pieces.count < limit, let place = find(separator, in: whole, from: start) {
      pieces.append(Array(whole[start..<place]))
      start = place + separator.count
    }
    return pieces + [Array(whole[start...])]
  }
}
