// The values of a template: those of JSON, tuples, and the few things that only templates have. Lists
// and dictionaries know how deep they are, so that no template can build a value whose walk, or whose
// release, would outgrow the stack.

import HeedFormats

/// What an expression of a template gives.
enum TemplateValue {
  /// Not there; the text says what was looked for.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list(TemplateList)
  case tuple(TemplateList)
  case dictionary(TemplateDictionary)
  case namespace(TemplateNamespace)
  case callable(any TemplateCallable)

  /// Levels of values in this one.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .namespace: 1
    default: 0
    }
  }

  /// What Python calls it.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .number: "float"
    case .string: "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .namespace: "Namespace"
    case .callable: "function"
    }
  }

  /// What counts as true in Python.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let text): !text.isEmpty
    case .list(let list), .tuple(let list): !list.items.isEmpty
    case .dictionary(let dictionary): dictionary.count > 0
    case .namespace, .callable: true
    }
  }

  /// The whole number, if it is one; truth values count as 0 and 1.
  var wholeNumber: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The number, if it is one.
  var anyNumber: Double? {
    if case .number(let value) = self { return value }
    return wholeNumber.map(Double.init)
  }

  /// A document as a value. JSON is at most a few hundred levels deep; its parser sees to that.
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let text): self = .string(text)
    case .array(let elements): self = .list(TemplateList(elements.map { TemplateValue($0) }))
    case .object(let object):
      self = .dictionary(
        TemplateDictionary(object.members.map { (.string($0.key), TemplateValue($0.value)) }))
    }
  }
}

/// The elements of a list or a tuple.
struct TemplateList {
  let items: [TemplateValue]
  let depth: Int

  init(_ items: [TemplateValue]) {
    self.items = items
    depth = (items.lazy.map(\.depth).max() ?? 0) + 1
  }
}

/// A dictionary that keeps its order.
struct TemplateDictionary {
  private(set) var keys: [TemplateValue] = []
  private(set) var values: [TemplateValue] = []
  private var places: [Key: Int] = [:]
  private(set) var depth = 1

  /// What can be a key.
  private enum Key: Hashable {
    case none
    case integer(Int)
    case number(Double)
    case string(ExactString)

    init?(_ value: TemplateValue) {
      switch value {
      case .none: self = .none
      case .bool(let value): self = .integer(value ? 1 : 0)
      case .integer(let value): self = .integer(value)
      case .number(let value): self = Int(exactly: value).map { .integer($0) } ?? .number(value)
      case .string(let text): self = .string(ExactString(text))
      default: return nil
      }
    }
  }

  init(_ members: [(TemplateValue, TemplateValue)] = []) {
    for (key, value) in members { _ = set(key, value) }
  }

  var count: Int { keys.count }
  var members: [(key: TemplateValue, value: TemplateValue)] {
    zip(keys, values).map { (key: $0, value: $1) }
  }

  subscript(key: TemplateValue) -> TemplateValue? {
    Key(key).flatMap { places[$0] }.map { values[$0] }
  }
  subscript(key: String) -> TemplateValue? { self[.string(key)] }

  /// Sets a member; false when the key cannot be one.
  mutating func set(_ key: TemplateValue, _ value: TemplateValue) -> Bool {
    guard let exact = Key(key) else { return false }
    depth = max(depth, value.depth + 1)
    if let place = places[exact] {
      values[place] = value
    } else {
      places[exact] = keys.count
      keys.append(key)
      values.append(value)
    }
    return true
  }
}

/// Variables that loops may change: the one thing of a template that is shared.
final class TemplateNamespace {
  var values: [ExactString: TemplateValue] = [:]
}

/// Something that can be called.
protocol TemplateCallable {
  func call(
    _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue

  /// What stands behind a dot after it.
  func attribute(_ name: String) -> TemplateValue?
}

extension TemplateCallable {
  func attribute(_ name: String) -> TemplateValue? { nil }
}

/// The values of a call.
struct TemplateCall {
  var places: [TemplateValue] = []
  var names: [(name: String, value: TemplateValue)] = []

  func named(_ name: String) -> TemplateValue? { names.first { $0.name == name }?.value }

  /// The argument at `place`, or of this name.
  func value(_ place: Int, _ name: String) -> TemplateValue? {
    place < places.count ? places[place] : named(name)
  }

  /// The argument as text, when it is a string.
  func text(_ place: Int, _ name: String) -> String? {
    if case .string(let text)? = value(place, name) { text } else { nil }
  }

  /// The argument as a whole number.
  func integer(_ place: Int, _ name: String) -> Int? { value(place, name)?.wholeNumber }
}

/// A function that ships.
struct TemplateFunction: TemplateCallable {
  let body: (TemplateCall, TemplateInterpreter) throws(TemplateError) -> TemplateValue

  func call(
    _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue { try body(arguments, interpreter) }
}
