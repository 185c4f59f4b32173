/// Finds stop texts in a text that comes piece by piece, and gives out what cannot be part of one.
struct StopFinder: Sendable {
  private let stops: [[UInt8]]
  private var pending: [UInt8] = []
  /// Bytes that were given out.
  private(set) var releasedCount = 0

  init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

  /// What of the text may be given out after one more piece, and the stop that was found. A stop is
  /// found as soon as its last character is there; the text ends before it.
  mutating func add(_ piece: String) -> (text: String, stop: String?) {
    pending += piece.utf8
    var found: (place: Int, stop: [UInt8])?
    for stop in stops {
      if let place = Self.place(of: stop, in: pending), place < found?.place ?? .max {
        found = (place, stop)
      }
    }
    if let found {
      let text = Array(pending[..<found.place])
      pending = []
      releasedCount += text.count
      return (String(decoding: text, as: UTF8.self), String(decoding: found.stop, as: UTF8.self))
    }
    let held =
      stops.map { stop in
        (1..<max(stop.count, 1)).last {
          $0 <= pending.count && pending.suffix($0).elementsEqual(stop.prefix($0))
        } ?? 0
      }.max() ?? 0
    let text = Array(pending.dropLast(held))
    pending = Array(pending.suffix(held))
    releasedCount += text.count
    return (String(decoding: text, as: UTF8.self), nil)
  }

  /// What was held back, at the end.
  mutating func finish() -> String {
    defer { pending = [] }
    releasedCount += pending.count
    return String(decoding: pending, as: UTF8.self)
  }

  private static func place(of part: [UInt8], in whole: [UInt8]) -> Int? {
    guard part.count <= whole.count else { return nil }
    return (0...whole.count - part.count).first { start in
      whole[start..<start + part.count].elementsEqual(part)
    }
  }
}
