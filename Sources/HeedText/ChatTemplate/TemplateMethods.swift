/// Methods of strings and dictionaries, as Python names them; lists have `index` and `count`. Those
/// that would change a value are not there: what a template is given, it cannot change.
enum TemplateMethods {
  private typealias TextMethod =
    (String, TemplateCall, TemplateInterpreter) throws(TemplateError) -> TemplateValue

  /// The method of this name, with its object bound to it.
  static func method(_ name: String, of owner: TemplateValue) -> TemplateValue? {
    switch owner {
    case .string(let text):
      guard let method = textMethods[name] else { return nil }
      return .callable(
        TemplateFunction { (call, interpreter) throws(TemplateError) in
          try interpreter.charge(text.utf8.count >> 4)
          return try method.body(text, call, interpreter)
        })
    case .dictionary(let dictionary): return method(name, of: dictionary)
    case .list(let list), .tuple(let list): return method(name, of: list)
    default: return nil
    }
  }

  private static func method(_ name: String, of dictionary: TemplateDictionary) -> TemplateValue? {
    switch name {
    case "items":
      return .callable(
        TemplateFunction { (_, interpreter) throws(TemplateError) in
          try interpreter.list(
            dictionary.members.map { .tuple(TemplateList([$0.key, $0.value])) })
        })
    case "keys":
      return .callable(
        TemplateFunction { (_, interpreter) throws(TemplateError) in
          try interpreter.list(dictionary.keys)
        })
    case "values":
      return .callable(
        TemplateFunction { (_, interpreter) throws(TemplateError) in
          try interpreter.list(dictionary.values)
        })
    case "get":
      return .callable(
        TemplateFunction { (call, _) throws(TemplateError) in
          call.places.first.flatMap { dictionary[$0] } ?? call.value(1, "default") ?? .none
        })
    case "copy":
      // What cannot be changed needs no copy.
      return .callable(TemplateFunction { (_, _) in .dictionary(dictionary) })
    default: return nil
    }
  }

  private static func method(_ name: String, of list: TemplateList) -> TemplateValue? {
    guard name == "index" || name == "count" else { return nil }
    return .callable(
      TemplateFunction { (call, interpreter) throws(TemplateError) in
        let wanted = call.places.first ?? .none
        var count = 0
        for (place, item) in list.items.enumerated()
        where try TemplateOperators.areEqual(item, wanted, interpreter) {
          if name == "index" { return .integer(place) }
          count += 1
        }
        if name == "index" {
          throw TemplateError(.runtime, "ValueError: the value is not in the list")
        }
        return .integer(count)
      })
  }

  /// A function in a box: dictionaries of functions that throw their own type need one.
  private struct Method: Sendable {
    let body:
      @Sendable (String, TemplateCall, TemplateInterpreter) throws(TemplateError) -> TemplateValue
    init(
      _ body:
        @escaping @Sendable (String, TemplateCall, TemplateInterpreter) throws(TemplateError) ->
        TemplateValue
    ) {
      self.body = body
    }
  }

  private static let textMethods: [String: Method] = [
    "upper": Method { (text, _, interpreter) throws(TemplateError) in
      try interpreter.string(text.uppercased())
    },
    "lower": Method { (text, _, interpreter) throws(TemplateError) in
      try interpreter.string(text.lowercased())
    },
    "title": Method { (text, _, interpreter) throws(TemplateError) in
      try interpreter.string(titled(text))
    },
    "capitalize": Method { (text, _, interpreter) throws(TemplateError) in
      try interpreter.string(capitalized(text))
    },
    "strip": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.string(stripped(text, call.text(0, "chars")))
    },
    "lstrip": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.string(stripped(text, call.text(0, "chars"), end: false))
    },
    "rstrip": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.string(stripped(text, call.text(0, "chars"), start: false))
    },
    "startswith": Method { (text, call, interpreter) throws(TemplateError) in
      try affixes(call, interpreter) { Array(text.utf8).starts(with: $0.utf8) }
    },
    "endswith": Method { (text, call, interpreter) throws(TemplateError) in
      try affixes(call, interpreter) { text.utf8.reversed().starts(with: $0.utf8.reversed()) }
    },
    "removeprefix": Method { (text, call, interpreter) throws(TemplateError) in
      let part = try required(call, 0)
      let fits = Array(text.utf8).starts(with: part.utf8)
      return try interpreter.string(
        fits ? String(text.unicodeScalars.dropFirst(part.unicodeScalars.count)) : text)
    },
    "removesuffix": Method { (text, call, interpreter) throws(TemplateError) in
      let part = try required(call, 0)
      let fits = text.utf8.reversed().starts(with: part.utf8.reversed())
      return try interpreter.string(
        fits ? String(text.unicodeScalars.dropLast(part.unicodeScalars.count)) : text)
    },
    "split": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.list(
        split(text, by: call.text(0, "sep"), limit: call.integer(1, "maxsplit") ?? -1))
    },
    "splitlines": Method { (text, call, interpreter) throws(TemplateError) in
      let end = call.value(0, "keepends")?.isTrue ?? false ? "\n" : ""
      let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      return try interpreter.list(
        lines.enumerated().compactMap { place, line in
          if place < lines.count - 1 { return .string(String(line) + end) }
          return line.isEmpty ? nil : .string(String(line))
        })
    },
    "replace": Method { (text, call, interpreter) throws(TemplateError) in
      try replaced(
        text, required(call, 0), required(call, 1), limit: call.integer(2, "count") ?? -1,
        interpreter)
    },
    "rsplit": Method { (text, call, interpreter) throws(TemplateError) in
      let limit = call.integer(1, "maxsplit") ?? -1
      return try interpreter.list(
        splitFromEnd(text, by: call.text(0, "sep"), limit: limit, interpreter))
    },
    "partition": Method { (text, call, interpreter) throws(TemplateError) in
      let separator = try required(call, 0)
      let place = try places(of: separator, in: text, interpreter).first
      return parts(text, separator, place, otherwise: [text, "", ""])
    },
    "rpartition": Method { (text, call, interpreter) throws(TemplateError) in
      let separator = try required(call, 0)
      let place = try places(of: separator, in: text, interpreter).last
      return parts(text, separator, place, otherwise: ["", "", text])
    },
    "find": Method { (text, call, interpreter) throws(TemplateError) in
      .integer(try found(text, call, interpreter) { $0.first } ?? -1)
    },
    "rfind": Method { (text, call, interpreter) throws(TemplateError) in
      .integer(try found(text, call, interpreter) { $0.last } ?? -1)
    },
    "index": Method { (text, call, interpreter) throws(TemplateError) in
      guard let place = try found(text, call, interpreter, { $0.first }) else { throw notFound }
      return .integer(place)
    },
    "rindex": Method { (text, call, interpreter) throws(TemplateError) in
      guard let place = try found(text, call, interpreter, { $0.last }) else { throw notFound }
      return .integer(place)
    },
    "ljust": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.string(filled(text, call, interpreter) { (0, $0) })
    },
    "rjust": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.string(filled(text, call, interpreter) { ($0, 0) })
    },
    "center": Method { (text, call, interpreter) throws(TemplateError) in
      // Of an odd number the larger half stands before, in an odd width, as in Python.
      let odd = (call.integer(0, "width") ?? 0) & 1
      return try interpreter.string(
        filled(text, call, interpreter) { count in
          let before = count / 2 + (count & odd)
          return (before, count - before)
        })
    },
    "zfill": Method { (text, call, interpreter) throws(TemplateError) in
      let sign = text.unicodeScalars.first.map { $0 == "-" || $0 == "+" } ?? false
      let digits = sign ? String(text.unicodeScalars.dropFirst()) : text
      let width = TemplateCall(places: [
        .integer((call.integer(0, "width") ?? 0) - (sign ? 1 : 0)), .string("0"),
      ])
      return try interpreter.string(
        (sign ? String(text.unicodeScalars.prefix(1)) : "")
          + filled(digits, width, interpreter) { ($0, 0) })
    },
    "swapcase": Method { (text, _, interpreter) throws(TemplateError) in
      try interpreter.string(
        text.unicodeScalars.map {
          $0.properties.isUppercase
            ? $0.properties.lowercaseMapping
            : $0.properties.isLowercase ? $0.properties.uppercaseMapping : String($0)
        }.joined())
    },
    "count": Method { (text, call, _) throws(TemplateError) in
      let part = Array(try required(call, 0).utf8)
      if part.isEmpty { return .integer(text.unicodeScalars.count + 1) }
      return .integer(Bytes.split(Array(text.utf8), by: part).count - 1)
    },
    "join": Method { (text, call, interpreter) throws(TemplateError) in
      var writer = TemplateWriter(limit: interpreter.limits.textBytes)
      for (place, item) in try interpreter.items(of: call.places.first ?? .none).enumerated() {
        guard case .string(let part) = item else {
          throw TemplateError(
            .runtime,
            "TypeError: sequence item \(place): expected str instance, \(item.typeName) found")
        }
        if place > 0 { try writer.append(text) }
        try writer.append(part)
      }
      return try interpreter.string(writer.text)
    },
    "format": Method { (text, call, interpreter) throws(TemplateError) in
      try interpreter.string(TemplateFormat.braces(text, call, interpreter))
    },
    "isdigit": Method { (text, _, _) in all(text) { $0.properties.numericType == .decimal } },
    "isdecimal": Method { (text, _, _) in
      all(text) { $0.properties.generalCategory == .decimalNumber }
    },
    "isascii": Method { (text, _, _) in .bool(text.utf8.allSatisfy { $0 < 0x80 }) },
    "isnumeric": Method { (text, _, _) in all(text) { $0.properties.numericType != nil } },
    "isalpha": Method { (text, _, _) in all(text) { $0.properties.isAlphabetic } },
    "isalnum": Method { (text, _, _) in
      all(text) { $0.properties.isAlphabetic || $0.properties.numericType != nil }
    },
    "isspace": Method { (text, _, _) in all(text) { $0.properties.isWhitespace } },
    "isupper": Method { (text, _, interpreter) throws(TemplateError) in
      .bool(try TemplateTests.apply("upper", .string(text), TemplateCall(), interpreter))
    },
    "islower": Method { (text, _, interpreter) throws(TemplateError) in
      .bool(try TemplateTests.apply("lower", .string(text), TemplateCall(), interpreter))
    },
  ]

  private static var notFound: TemplateError {
    TemplateError(.runtime, "ValueError: substring not found")
  }

  private static func all(_ text: String, _ test: (Unicode.Scalar) -> Bool) -> TemplateValue {
    .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(test))
  }

  static func required(_ call: TemplateCall, _ place: Int) throws(TemplateError) -> String {
    guard case .string(let text)? = place < call.places.count ? call.places[place] : nil else {
      throw TemplateError(.runtime, "TypeError: argument \(place + 1) must be a string")
    }
    return text
  }

  private static func affixes(
    _ call: TemplateCall, _ interpreter: TemplateInterpreter, _ fits: (String) -> Bool
  ) throws(TemplateError) -> TemplateValue {
    if case .tuple(let list)? = call.places.first {
      for item in list.items {
        try interpreter.charge()
        if case .string(let part) = item, fits(part) { return .bool(true) }
      }
      return .bool(false)
    }
    return .bool(fits(try required(call, 0)))
  }

  /// Without the white space, or the given characters, at both ends.
  static func stripped(
    _ text: String, _ characters: String?, start: Bool = true, end: Bool = true
  ) -> String {
    let wanted = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool {
      wanted?.contains(scalar) ?? scalar.properties.isWhitespace
    }
    var rest = text.unicodeScalars[...]
    if start { rest = rest.drop(while: goes) }
    if end { while let last = rest.last, goes(last) { rest.removeLast() } }
    return String(rest)
  }

  static func split(_ text: String, by separator: String?, limit: Int) -> [TemplateValue] {
    let limit = limit < 0 ? Int.max : limit
    if let separator, !separator.isEmpty {
      return Bytes.split(Array(text.utf8), by: Array(separator.utf8), limit: limit)
        .map { .string(String(decoding: $0, as: UTF8.self)) }
    }
    var pieces: [TemplateValue] = []
    var rest = text.unicodeScalars[...].drop(while: \.properties.isWhitespace)
    while !rest.isEmpty {
      if pieces.count == limit {
        pieces.append(.string(stripped(String(rest), nil, start: false)))
        break
      }
      let word = rest.prefix { !$0.properties.isWhitespace }
      pieces.append(.string(String(word)))
      rest = rest[word.endIndex...].drop(while: \.properties.isWhitespace)
    }
    return pieces
  }

  static func replaced(
    _ text: String, _ old: String, _ new: String, limit: Int, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> TemplateValue {
    let limit = limit < 0 ? Int.max : limit
    var writer = TemplateWriter(limit: interpreter.limits.textBytes)
    if old.isEmpty {
      var count = 0
      for scalar in text.unicodeScalars {
        if count < limit { try writer.append(new) }
        count += 1
        try writer.append(String(scalar))
      }
      if count < limit { try writer.append(new) }
      return try interpreter.string(writer.text)
    }
    let pieces = Bytes.split(Array(text.utf8), by: Array(old.utf8), limit: limit)
    try interpreter.charge(pieces.count)
    for (index, piece) in pieces.enumerated() {
      if index > 0 { try writer.append(new) }
      try writer.append(String(decoding: piece, as: UTF8.self))
    }
    return try interpreter.string(writer.text)
  }

  static func capitalized(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.first else { return text }
    return first.properties.titlecaseMapping + String(scalars.dropFirst()).lowercased()
  }

  static func titled(_ text: String) -> String {
    var result = ""
    var isInside = false
    for scalar in text.unicodeScalars {
      result +=
        isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      isInside = scalar.properties.isCased
    }
    return result
  }
}
