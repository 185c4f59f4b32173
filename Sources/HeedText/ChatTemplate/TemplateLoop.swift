/// The loop that is running: what a template sees as `loop`.
final class TemplateLoop: TemplateCallable {
  let items: [TemplateValue]
  var index = 0
  let level: Int
  private let body: TemplateLoopBody
  private var lastChecked: [TemplateValue]?

  init(items: [TemplateValue], level: Int, body: TemplateLoopBody) {
    self.items = items
    self.level = level
    self.body = body
  }

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .integer(index + 1)
    case "index0": .integer(index)
    case "revindex": .integer(items.count - index)
    case "revindex0": .integer(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .integer(items.count)
    case "depth": .integer(level)
    case "depth0": .integer(level - 1)
    case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
    case "nextitem":
      index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
    case "cycle":
      .callable(
        TemplateFunction { [index] (call, _) throws(TemplateError) in
          guard !call.places.isEmpty else {
            throw TemplateError(.runtime, "TypeError: no items for cycling given")
          }
          return call.places[index % call.places.count]
        })
    case "changed":
      .callable(
        TemplateFunction { (call, interpreter) throws(TemplateError) in
          let isSame = try self.lastChecked.map { (last) throws(TemplateError) in
            try TemplateOperators.areEqual(
              .list(TemplateList(last)), .list(TemplateList(call.places)), interpreter)
          }
          self.lastChecked = call.places
          return .bool(isSame != true)
        })
    default: nil
    }
  }

  /// `loop(items)` in a recursive loop runs the body for another sequence.
  func call(
    _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    guard body.isRecursive, let sequence = arguments.places.first else {
      throw TemplateError(
        .runtime, "TypeError: only a recursive loop can be called, with a sequence")
    }
    let text = try interpreter.captured { () throws(TemplateError) in
      try interpreter.deeper { () throws(TemplateError) in
        try body.run(over: sequence, level: level + 1, interpreter)
      }
    }
    return .string(text)
  }
}

/// A loop as it stands in the template, with the variables around it.
struct TemplateLoopBody {
  let target: TemplateTarget
  let test: TemplateExpression?
  let isRecursive: Bool
  let body: [TemplateStatement]
  let otherwise: [TemplateStatement]
  let scope: TemplateScope

  func run(
    over sequence: TemplateValue, level: Int, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) {
    var items = try interpreter.items(of: sequence)
    if let test {
      var kept: [TemplateValue] = []
      for item in items {
        let inner = TemplateScope(parent: scope)
        try interpreter.assign(target, item, inner)
        if try interpreter.value(of: test, inner).isTrue { kept.append(item) }
      }
      items = kept
    }
    let loop = TemplateLoop(items: items, level: level, body: self)
    for (index, item) in items.enumerated() {
      try interpreter.charge()
      loop.index = index
      let inner = TemplateScope(parent: scope)
      inner.set("loop", .callable(loop))
      try interpreter.assign(target, item, inner)
      if try interpreter.run(body, inner) == .break { return }
    }
    if items.isEmpty { _ = try interpreter.run(otherwise, TemplateScope(parent: scope)) }
  }
}

/// A macro with the variables around it.
struct TemplateMacro: TemplateCallable {
  let name: String
  let parameters: TemplateParameters
  let body: [TemplateStatement]
  let scope: TemplateScope

  func call(
    _ arguments: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    let inner = TemplateScope(parent: scope)
    let names = parameters.names
    let required = names.count - parameters.defaults.count
    for (index, name) in names.enumerated() {
      if index < arguments.places.count {
        inner.set(name, arguments.places[index])
      } else if let value = arguments.named(name) {
        inner.set(name, value)
      } else if index >= required {
        inner.set(name, try interpreter.value(of: parameters.defaults[index - required], inner))
      } else {
        inner.set(name, .undefined("parameter '\(name)' was not provided"))
      }
    }
    let extra = Array(arguments.places.dropFirst(names.count))
    guard extra.isEmpty || parameters.takesMorePlaces else {
      throw TemplateError(
        .runtime, "TypeError: macro '\(name)' takes not more than \(names.count) argument(s)")
    }
    inner.set("varargs", .tuple(TemplateList(extra)))
    let others = arguments.names.filter { !names.contains($0.name) && $0.name != "caller" }
    if let other = others.first, !parameters.takesMoreNames {
      throw TemplateError(
        .runtime, "TypeError: macro '\(name)' takes no keyword argument '\(other.name)'")
    }
    inner.set(
      "kwargs", try interpreter.dictionary(others.map { (.string($0.name), $0.value) }))
    if let caller = arguments.named("caller") { inner.set("caller", caller) }
    return try interpreter.deeper { () throws(TemplateError) in
      .string(
        try interpreter.captured { () throws(TemplateError) in
          _ = try interpreter.run(body, inner)
        })
    }
  }
}
