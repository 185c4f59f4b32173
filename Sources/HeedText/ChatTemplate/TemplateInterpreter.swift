import HeedFormats

/// Walks over the tree of a template. One rendering, one interpreter.
final class TemplateInterpreter {
  let limits: ChatTemplate.Limits
  private var stepsLeft: Int
  private var depth = 0
  private var outputs: [TemplateWriter] = []
  /// All that were made, to be emptied at the end: they may hold each other in rings or long chains.
  private var namespaces: [TemplateNamespace] = []
  private let globals: TemplateScope

  init(limits: ChatTemplate.Limits, now: Int?) {
    self.limits = limits
    stepsLeft = limits.steps
    globals = TemplateScope(parent: nil)
    for (name, function) in TemplateFunctions.all { globals.set(name, .callable(function)) }
    if let now { globals.set("strftime_now", .callable(TemplateFunctions.time(now))) }
  }

  func render(
    _ statements: [TemplateStatement], _ context: JSONValue
  ) throws(TemplateError) -> String {
    defer { for namespace in namespaces { namespace.values = [:] } }
    let scope = TemplateScope(parent: globals)
    for (name, value) in context.object?.members ?? [] {
      let value = TemplateValue(value)
      try checkDepth(value)
      scope.set(name, value)
    }
    return try captured { () throws(TemplateError) in _ = try run(statements, scope) }
  }

  /// Counts work; large values count more.
  func charge(_ steps: Int = 1) throws(TemplateError) {
    stepsLeft -= min(steps, limits.steps)
    guard stepsLeft >= 0 else {
      throw TemplateError(.limit, "more than \(limits.steps) steps; does it loop for ever?")
    }
  }

  func deeper<Result>(
    _ body: () throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    guard depth < limits.depth else {
      throw TemplateError(.limit, "deeper than \(limits.depth) levels")
    }
    depth += 1
    defer { depth -= 1 }
    return try body()
  }

  private func checkDepth(_ value: TemplateValue) throws(TemplateError) {
    guard value.depth <= limits.depth else {
      throw TemplateError(.limit, "a value of more than \(limits.depth) levels")
    }
  }

  /// A list of values, checked and counted.
  func list(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    try charge(items.count)
    let value = TemplateValue.list(TemplateList(items))
    try checkDepth(value)
    return value
  }

  func dictionary(
    _ members: [(TemplateValue, TemplateValue)]
  ) throws(TemplateError) -> TemplateValue {
    try charge(members.count)
    var result = TemplateDictionary()
    for (key, value) in members where !result.set(key, value) {
      throw TemplateError(.runtime, "TypeError: unhashable type: '\(key.typeName)'")
    }
    let value = TemplateValue.dictionary(result)
    try checkDepth(value)
    return value
  }

  func namespace(_ values: [(String, TemplateValue)]) throws(TemplateError) -> TemplateValue {
    try charge(values.count + 1)
    let namespace = TemplateNamespace()
    namespaces.append(namespace)
    for (name, value) in values { namespace.values[ExactString(name)] = value }
    return .namespace(namespace)
  }

  /// A string, counted and not too long.
  func string(_ text: String) throws(TemplateError) -> TemplateValue {
    let size = text.utf8.count
    guard size <= limits.textBytes else {
      throw TemplateError(.limit, "more than \(limits.textBytes) bytes of text")
    }
    try charge(size >> 6)
    return .string(text)
  }

  /// The text of a value, as `str()` gives it.
  func text(_ value: TemplateValue) throws(TemplateError) -> String {
    if case .string(let text) = value { return text }
    var writer = TemplateWriter(limit: limits.textBytes)
    try writer.show(value)
    try charge(writer.text.utf8.count >> 4)
    return writer.text
  }

  /// What `body` writes.
  func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> String {
    outputs.append(TemplateWriter(limit: limits.textBytes))
    do throws(TemplateError) { try body() } catch {
      outputs.removeLast()
      throw error
    }
    return outputs.removeLast().text
  }

  private func write(_ text: String) throws(TemplateError) {
    try charge(text.utf8.count >> 6)
    try outputs[outputs.count - 1].append(text)
  }

  /// How a list of statements ended.
  enum Flow { case done, `break`, `continue` }

  func run(
    _ statements: [TemplateStatement], _ scope: TemplateScope
  ) throws(TemplateError) -> Flow {
    for statement in statements {
      let flow: Flow
      do throws(TemplateError) {
        try charge()
        flow = try deeper { () throws(TemplateError) in try run(statement.kind, scope) }
      } catch {
        var placed = error
        placed.line = placed.line ?? statement.line
        throw placed
      }
      if flow != .done { return flow }
    }
    return .done
  }

  private func run(
    _ statement: TemplateStatement.Kind, _ scope: TemplateScope
  ) throws(TemplateError) -> Flow {
    switch statement {
    case .text(let text): try write(text)
    case .output(let expression): try write(text(value(of: expression, scope)))
    case .condition(let branches, let otherwise):
      for branch in branches where try value(of: branch.if, scope).isTrue {
        return try run(branch.then, scope)
      }
      return try run(otherwise, scope)
    case .loop(let target, let sequence, let test, let isRecursive, let body, let otherwise):
      let loop = TemplateLoopBody(
        target: target, test: test, isRecursive: isRecursive, body: body, otherwise: otherwise,
        scope: scope)
      try loop.run(over: value(of: sequence, scope), level: 1, self)
    case .assign(let target, let expression):
      try assign(target, value(of: expression, scope), scope)
    case .assignBlock(let target, let body, let filter):
      let inner = TemplateScope(parent: scope)
      var result = TemplateValue.string(
        try captured { () throws(TemplateError) in _ = try run(body, inner) })
      if let filter { result = try filtered(result, filter, scope) }
      try assign(target, result, scope)
    case .macro(let name, let parameters, let body):
      scope.set(
        name,
        .callable(
          TemplateMacro(name: name, parameters: parameters, body: body, scope: scope)))
    case .callBlock(let parameters, let call, let body):
      let caller = TemplateMacro(
        name: "caller", parameters: parameters, body: body, scope: scope)
      guard case .call(let function, let arguments) = call else { return .done }
      var values = try self.arguments(arguments, scope)
      values.names.append(("caller", .callable(caller)))
      try write(text(self.call(value(of: function, scope), values)))
    case .filterBlock(let filter, let body):
      let inner = TemplateScope(parent: scope)
      let text = try captured { () throws(TemplateError) in _ = try run(body, inner) }
      try write(self.text(filtered(.string(text), filter, scope)))
    case .scope(let values, let body):
      let inner = TemplateScope(parent: scope)
      for (target, expression) in values {
        try assign(target, value(of: expression, inner), inner)
      }
      return try run(body, inner)
    case .break: return .break
    case .continue: return .continue
    }
    return .done
  }

  private func filtered(
    _ value: TemplateValue, _ filter: TemplateExpression, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    let inner = TemplateScope(parent: scope)
    inner.set(filteredTextName, value)
    return try self.value(of: filter, inner)
  }

  func assign(
    _ target: TemplateTarget, _ value: TemplateValue, _ scope: TemplateScope
  ) throws(TemplateError) {
    switch target {
    case .name(let name): scope.set(name, value)
    case .attribute(let owner, let name):
      guard case .namespace(let namespace)? = scope.value(owner) else {
        throw TemplateError(.runtime, "cannot assign attribute on non-namespace object")
      }
      try checkDepth(value)
      namespace.values[ExactString(name)] = value
    case .tuple(let targets):
      let values = try items(of: value)
      guard values.count == targets.count else {
        throw TemplateError(
          .runtime,
          "ValueError: \(targets.count) values to unpack were expected, there are \(values.count)")
      }
      for (target, value) in zip(targets, values) { try assign(target, value, scope) }
    }
  }
}

/// The variables of a block, and those around it.
final class TemplateScope {
  private var values: [ExactString: TemplateValue] = [:]
  private let parent: TemplateScope?

  init(parent: TemplateScope?) { self.parent = parent }

  func set(_ name: String, _ value: TemplateValue) { values[ExactString(name)] = value }

  func value(_ name: String) -> TemplateValue? {
    let name = ExactString(name)
    var scope: TemplateScope? = self
    while let present = scope {
      if let value = present.values[name] { return value }
      scope = present.parent
    }
    return nil
  }
}
