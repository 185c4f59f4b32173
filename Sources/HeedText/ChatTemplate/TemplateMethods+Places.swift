// Where a part of a text stands, and texts brought to a width. Places are counted in code points.
extension TemplateMethods {
  /// The bytes of `text` at which `part` begins, none of them within another.
  static func places(
    of part: String, in text: String, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> [Int] {
    guard !part.isEmpty else { throw TemplateError(.runtime, "ValueError: empty separator") }
    let (part, text) = (Array(part.utf8), Array(text.utf8))
    var places: [Int] = []
    for piece in Bytes.split(text, by: part).dropLast() {
      places.append((places.last.map { $0 + part.count } ?? 0) + piece.count)
    }
    try interpreter.charge(places.count)
    return places
  }

  /// What stands before, at and behind a separator; `otherwise` where there is none.
  static func parts(
    _ text: String, _ separator: String, _ place: Int?, otherwise: [String]
  ) -> TemplateValue {
    guard let place else { return .tuple(TemplateList(otherwise.map { .string($0) })) }
    let bytes = Array(text.utf8)
    let parts = [bytes[..<place], bytes[place...].prefix(separator.utf8.count)]
    let rest = bytes[(place + separator.utf8.count)...]
    return .tuple(
      TemplateList((parts + [rest]).map { .string(String(decoding: $0, as: UTF8.self)) }))
  }

  /// `find(part, start, end)` and its kin: the one that is chosen of all places.
  static func found(
    _ text: String, _ call: TemplateCall, _ interpreter: TemplateInterpreter,
    _ choose: ([Int]) -> Int?
  ) throws(TemplateError) -> Int? {
    let scalars = Array(text.unicodeScalars)
    let part = Array(try required(call, 0).unicodeScalars)
    func bound(_ place: Int, _ standard: Int) -> Int {
      guard place < call.places.count, let bound = call.places[place].wholeNumber else {
        return standard
      }
      return bound < 0 ? scalars.count + max(bound, -scalars.count) : min(bound, scalars.count)
    }
    let (start, end) = (bound(1, 0), bound(2, scalars.count))
    guard start + part.count <= end else { return nil }
    try interpreter.charge((end - start) * max(part.count, 1) >> 4)
    return choose(
      (start...end - part.count).filter { scalars[$0..<$0 + part.count].elementsEqual(part) })
  }

  /// The pieces of a text, cut at most `limit` times, from its end.
  static func splitFromEnd(
    _ text: String, by separator: String?, limit: Int, _ interpreter: TemplateInterpreter
  ) throws(TemplateError) -> [TemplateValue] {
    func reversed(_ text: String) -> String {
      String(String.UnicodeScalarView(text.unicodeScalars.reversed()))
    }
    let pieces = split(reversed(text), by: separator.map(reversed), limit: limit)
    return pieces.reversed().map { piece in
      if case .string(let text) = piece { .string(reversed(text)) } else { piece }
    }
  }

  /// A text with as many fillers before and behind it as `share` makes of those that are missing.
  static func filled(
    _ text: String, _ call: TemplateCall, _ interpreter: TemplateInterpreter,
    _ share: (Int) -> (before: Int, after: Int)
  ) throws(TemplateError) -> String {
    let missing = (call.integer(0, "width") ?? 0) - text.unicodeScalars.count
    let filler = call.text(1, "fillchar") ?? " "
    guard missing > 0 else { return text }
    guard filler.unicodeScalars.count == 1 else {
      throw TemplateError(
        .runtime, "TypeError: The fill character must be exactly one character long")
    }
    guard missing <= interpreter.limits.textBytes / filler.utf8.count else {
      throw TemplateError(.limit, "a text of more than \(interpreter.limits.textBytes) bytes")
    }
    try interpreter.charge(missing >> 4)
    let (before, after) = share(missing)
    return String(repeating: filler, count: before) + text + String(repeating: filler, count: after)
  }
}
