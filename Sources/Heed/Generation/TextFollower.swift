import HeedText

/// The text of a sequence as its tokens come, and the stop that ends it.
struct TextFollower: Sendable {
  private var stream: StreamDecoder
  private var stops: StopFinder
  /// Bytes of decoded text behind each token.
  private var byteCounts: [Int] = []
  /// Tokens that lie wholly within the text that was given out.
  private(set) var releasedTokenCount = 0

  /// - Parameter prompt: what the text continues: its first token is no beginning of a text.
  init(_ tokenizer: any Tokenizer, prompt: [Int], stops: [String]) {
    stream = StreamDecoder(tokenizer)
    for id in prompt.suffix(4) { _ = stream.next(id) }
    self.stops = StopFinder(stops)
  }

  /// The text that becomes certain with one more token, and the stop that was found.
  mutating func add(_ id: Int) -> (text: String, stop: String?) {
    let decoded = stream.next(id)
    byteCounts.append((byteCounts.last ?? 0) + decoded.utf8.count)
    defer { countReleased() }
    return stops.add(decoded)
  }

  /// What was held back, at the end.
  mutating func finish() -> (text: String, stop: String?) {
    defer { countReleased() }
    let (text, stop) = stops.add(stream.finish())
    return stop == nil ? (text + stops.finish(), nil) : (text, stop)
  }

  private mutating func countReleased() {
    while releasedTokenCount < byteCounts.count,
      byteCounts[releasedTokenCount] <= stops.releasedCount
    {
      releasedTokenCount += 1
    }
  }
}
