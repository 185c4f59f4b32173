/// The functions that every template finds.
enum TemplateFunctions {
  /// The longest range that may be made, as in Jinja's sandbox.
  private static let rangeLimit = 100_000

  static var all: [(String, TemplateFunction)] {
    [
      ("range", TemplateFunction(body: range)),
      (
        "dict",
        TemplateFunction { (call, interpreter) throws(TemplateError) in
          var members = call.names.map { (TemplateValue.string($0.name), $0.value) }
          if case .dictionary(let first)? = call.places.first {
            members = first.members.map { ($0.key, $0.value) } + members
          }
          return try interpreter.dictionary(members)
        }
      ),
      (
        "namespace",
        TemplateFunction { (call, interpreter) throws(TemplateError) in
          var values = call.names.map { ($0.name, $0.value) }
          if case .dictionary(let first)? = call.places.first {
            for member in first.members {
              if case .string(let name) = member.key { values.insert((name, member.value), at: 0) }
            }
          }
          return try interpreter.namespace(values)
        }
      ),
      (
        "raise_exception",
        TemplateFunction { (call, interpreter) throws(TemplateError) in
          throw TemplateError(.template, try interpreter.text(call.value(0, "message") ?? .none))
        }
      ),
      (
        "cycler",
        TemplateFunction { (call, _) throws(TemplateError) in
          guard !call.places.isEmpty else {
            throw TemplateError(.runtime, "RuntimeError: at least one item has to be provided")
          }
          return .callable(TemplateCycler(items: call.places))
        }
      ),
      (
        "joiner",
        TemplateFunction { (call, _) throws(TemplateError) in
          .callable(TemplateJoiner(separator: call.value(0, "sep") ?? .string(", ")))
        }
      ),
    ]
  }

  private static func range(
    _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    var numbers: [Int] = []
    for value in call.places {
      if case .undefined(let what) = value { throw TemplateError(.template, what) }
      guard let number = value.wholeNumber else {
        throw TemplateError(
          .runtime,
          "TypeError: '\(value.typeName)' object cannot be interpreted as an integer")
      }
      numbers.append(max(-1 << 60, min(1 << 60, number)))
    }
    guard (1...3).contains(numbers.count), numbers.count < 3 || numbers[2] != 0 else {
      throw TemplateError(.runtime, "TypeError: range expected 1 to 3 arguments, the last not 0")
    }
    let start = numbers.count > 1 ? numbers[0] : 0
    let end = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    let count = max(0, (end - start) / step)
    guard count <= rangeLimit else {
      throw TemplateError(.limit, "a range of more than \(rangeLimit) numbers")
    }
    return try interpreter.list(stride(from: start, to: end, by: step).map { .integer($0) })
  }

  /// `strftime_now(format)` at a time in UTC.
  static func time(_ secondsSince1970: Int) -> TemplateFunction {
    TemplateFunction { (call, interpreter) throws(TemplateError) in
      let format = try interpreter.text(call.value(0, "format") ?? .none)
      return try interpreter.string(TemplateTime(secondsSince1970).text(format))
    }
  }
}

/// Gives one value after the other, round and round.
final class TemplateCycler: TemplateCallable {
  private let items: [TemplateValue]
  private var place = 0

  init(items: [TemplateValue]) { self.items = items }

  func call(
    _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    throw TemplateError(.runtime, "TypeError: 'Cycler' object is not callable")
  }

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "current": items[place]
    case "next":
      .callable(
        TemplateFunction { (_, _) in
          defer { self.place = (self.place + 1) % self.items.count }
          return self.items[self.place]
        })
    case "reset":
      .callable(
        TemplateFunction { (_, _) in
          self.place = 0
          return .none
        })
    default: nil
    }
  }
}

/// Nothing the first time, then a separator.
final class TemplateJoiner: TemplateCallable {
  private let separator: TemplateValue
  private var wasUsed = false

  init(separator: TemplateValue) { self.separator = separator }

  func call(
    _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    defer { wasUsed = true }
    return wasUsed ? separator : .string("")
  }
}
