/// Filters of lists and dictionaries.
enum TemplateListFilters {
  /// Nil for the name of another sort of filter.
  static func apply(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue? {
    switch name {
    case "list": return try interpreter.list(interpreter.items(of: value))
    case "first", "last":
      let items = try interpreter.items(of: value)
      return (name == "first" ? items.first : items.last)
        ?? .undefined("No \(name) item, sequence was empty.")
    case "reverse":
      let items = try Array(interpreter.items(of: value).reversed())
      guard case .string = value else { return try interpreter.list(items) }
      return try interpreter.string(joined(items, "", interpreter))
    case "join":
      let items = try picked(interpreter.items(of: value), call.value(1, "attribute"), interpreter)
      return try interpreter.string(
        joined(items, interpreter.text(call.value(0, "d") ?? .string("")), interpreter))
    case "sum":
      let items = try picked(interpreter.items(of: value), call.value(0, "attribute"), interpreter)
      var sum = call.value(1, "start") ?? .integer(0)
      for item in items { sum = try TemplateOperators.binary("+", sum, item, interpreter) }
      return sum
    case "max", "min":
      let items = try sorted(
        interpreter.items(of: value), by: call.value(1, "attribute"),
        isCaseSensitive: call.value(0, "case_sensitive")?.isTrue ?? false, interpreter)
      return (name == "min" ? items.first : items.last)
        ?? .undefined("No aggregated item, sequence was empty.")
    case "sort":
      let items = try sorted(
        interpreter.items(of: value), by: call.value(2, "attribute"),
        isCaseSensitive: call.value(1, "case_sensitive")?.isTrue ?? false,
        isReversed: call.value(0, "reverse")?.isTrue ?? false, interpreter)
      return try interpreter.list(items)
    case "unique": return try unique(value, call, interpreter)
    case "items":
      guard case .dictionary(let dictionary) = value else {
        if case .undefined = value { return try interpreter.list([]) }
        throw TemplateError(.runtime, "TypeError: Can only get item pairs from a mapping.")
      }
      return try interpreter.list(dictionary.members.map { pair($0.key, $0.value) })
    case "dictsort": return try dictionarySorted(value, call, interpreter)
    case "map": return try mapped(value, call, interpreter)
    case "select", "reject", "selectattr", "rejectattr":
      return try selected(name, value, call, interpreter)
    case "batch", "slice": return try cut(name, value, call, interpreter)
    case "groupby": return try grouped(value, call, interpreter)
    default: return nil
    }
  }

  private static func pair(_ first: TemplateValue, _ second: TemplateValue) -> TemplateValue {
    .tuple(TemplateList([first, second]))
  }

  private static func joined(
    _ items: [TemplateValue], _ separator: String, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> String {
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    for (index, item) in items.enumerated() {
      try interpreter.charge()
      if index > 0 { try writer.append(separator) }
      try writer.show(item)
    }
    return writer.text
  }

  /// `a.b.0` of a value.
  private static func part(
    _ value: TemplateValue, _ path: TemplateValue, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    guard case .string(let text) = path else { return try interpreter.element(value, path) }
    var value = value
    for name in text.split(separator: ".", omittingEmptySubsequences: false) {
      try interpreter.charge()
      value = try interpreter.element(
        value, Int(name).map { .integer($0) } ?? .string(String(name)))
    }
    return value
  }

  private static func picked(
    _ items: [TemplateValue], _ attribute: TemplateValue?, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> [TemplateValue] {
    guard let attribute else { return items }
    if case .none = attribute { return items }
    var result: [TemplateValue] = []
    for item in items { result.append(try part(item, attribute, interpreter)) }
    return result
  }

  /// Sorted and stable; an error of a comparison ends the sorting.
  private static func sorted(
    _ items: [TemplateValue], by attribute: TemplateValue?, isCaseSensitive: Bool,
    isReversed: Bool = false, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> [TemplateValue] {
    let keys = try picked(items, attribute, interpreter).map { key -> TemplateValue in
      guard !isCaseSensitive, case .string(let text) = key else { return key }
      return .string(text.lowercased())
    }
    var failure: TemplateError?
    let order = items.indices.sorted { left, right in
      if failure != nil { return left < right }
      do throws(TemplateError) {
        let (first, second) = isReversed ? (right, left) : (left, right)
        if try TemplateOperators.isBefore(keys[first], keys[second], "<", interpreter) {
          return true
        }
        if try TemplateOperators.isBefore(keys[second], keys[first], "<", interpreter) {
          return false
        }
      } catch { failure = error }
      return left < right
    }
    if let failure { throw failure }
    return order.map { items[$0] }
  }

  private static func unique(
    _ value: TemplateValue, _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    let items = try interpreter.items(of: value)
    let isCaseSensitive = call.value(0, "case_sensitive")?.isTrue ?? false
    let keys = try picked(items, call.value(1, "attribute"), interpreter)
    var seen: [TemplateValue] = []
    var kept: [TemplateValue] = []
    for (item, key) in zip(items, keys) {
      var key = key
      if !isCaseSensitive, case .string(let text) = key { key = .string(text.lowercased()) }
      if try TemplateOperators.contains(.list(TemplateList(seen)), key, interpreter) { continue }
      seen.append(key)
      kept.append(item)
    }
    return try interpreter.list(kept)
  }

  private static func dictionarySorted(
    _ value: TemplateValue, _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    guard case .dictionary(let dictionary) = value else {
      if case .undefined(let what) = value { throw TemplateError(.template, what) }
      throw TemplateError(.runtime, "TypeError: dictsort needs a mapping, not \(value.typeName)")
    }
    let place = call.text(1, "by") == "value" ? 1 : 0
    return try interpreter.list(
      sorted(
        dictionary.members.map { pair($0.key, $0.value) }, by: .integer(place),
        isCaseSensitive: call.value(0, "case_sensitive")?.isTrue ?? false,
        isReversed: call.value(2, "reverse")?.isTrue ?? false, interpreter))
  }

  private static func mapped(
    _ value: TemplateValue, _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    let items = value.isTrue ? try interpreter.items(of: value) : []
    var result: [TemplateValue] = []
    if let attribute = call.named("attribute") {
      for item in items {
        let found = try part(item, attribute, interpreter)
        if case .undefined = found, let standard = call.named("default") {
          result.append(standard)
        } else {
          result.append(found)
        }
      }
      return try interpreter.list(result)
    }
    guard let name = call.text(0, "filter") else {
      throw TemplateError(.runtime, "FilterArgumentError: map requires a filter argument")
    }
    guard TemplateFilters.names.contains(name) else {
      throw TemplateError(.runtime, "No filter named '\(name)'.")
    }
    let rest = TemplateCall(places: Array(call.places.dropFirst()), names: call.names)
    for item in items {
      try interpreter.charge()
      result.append(
        try interpreter.deeper { () throws(TemplateError) in
          try TemplateFilters.apply(name, item, rest, interpreter)
        })
    }
    return try interpreter.list(result)
  }

  private static func selected(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    var places = call.places[...]
    var attribute: TemplateValue?
    if name.hasSuffix("attr") {
      guard let first = places.popFirst() else {
        throw TemplateError(.runtime, "FilterArgumentError: \(name) requires an attribute")
      }
      attribute = first
    }
    let keeps = name.hasPrefix("select")
    var test: String?
    if let first = places.popFirst() {
      let wanted = try interpreter.text(first)
      guard TemplateTests.names.contains(wanted) else {
        throw TemplateError(.runtime, "No test named '\(wanted)'.")
      }
      test = wanted
    }
    let rest = TemplateCall(places: Array(places), names: call.names)
    var kept: [TemplateValue] = []
    for item in value.isTrue ? try interpreter.items(of: value) : [] {
      try interpreter.charge()
      let subject =
        try attribute.map { (path) throws(TemplateError) in
          try part(item, path, interpreter)
        } ?? item
      let passes =
        try test.map { (test) throws(TemplateError) in
          try TemplateTests.apply(test, subject, rest, interpreter)
        } ?? subject.isTrue
      if passes == keeps { kept.append(item) }
    }
    return try interpreter.list(kept)
  }

  private static func cut(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall,
    _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    let items = try interpreter.items(of: value)
    guard let count = call.value(0, name == "batch" ? "linecount" : "slices")?.wholeNumber,
      count > 0, count <= 100_000
    else { throw TemplateError(.runtime, "\(name) needs a count of at least 1") }
    let filler = call.value(1, "fill_with")
    var parts: [TemplateValue] = []
    if name == "batch" {
      for start in stride(from: 0, to: items.count, by: count) {
        var part = Array(items[start..<min(start + count, items.count)])
        if let filler {
          try interpreter.charge(count)
          part += Array(repeating: filler, count: count - part.count)
        }
        parts.append(try interpreter.list(part))
      }
      return try interpreter.list(parts)
    }
    // Slices: as even as can be, the longer ones first.
    var start = 0
    for index in 0..<count {
      let length = items.count / count + (index < items.count % count ? 1 : 0)
      var part = Array(items[start..<start + length])
      start += length
      if let filler, index >= items.count % count, items.count % count > 0 { part.append(filler) }
      parts.append(try interpreter.list(part))
    }
    return try interpreter.list(parts)
  }

  private static func grouped(
    _ value: TemplateValue, _ call: TemplateCall, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    guard let attribute = call.value(0, "attribute") else {
      throw TemplateError(.runtime, "FilterArgumentError: groupby requires an attribute")
    }
    let items = try sorted(
      interpreter.items(of: value), by: attribute, isCaseSensitive: false, interpreter)
    var groups: [(key: TemplateValue, items: [TemplateValue])] = []
    for item in items {
      let key = try part(item, attribute, interpreter)
      if let last = groups.last, try TemplateOperators.areEqual(last.key, key, interpreter) {
        groups[groups.count - 1].items.append(item)
      } else {
        groups.append((key, [item]))
      }
    }
    var result: [TemplateValue] = []
    for group in groups { result.append(pair(group.key, try interpreter.list(group.items))) }
    return try interpreter.list(result)
  }
}
