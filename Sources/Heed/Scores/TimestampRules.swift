import HeedTensor

/// How Whisper's timestamps come: in pairs, never falling, the first one early, and whenever all of
/// them together are likelier than any word.
///
/// - Source: Radford et al. 2022, arXiv 2212.04356, and the rules of its published decoding.
public struct TimestampRules: ScoreProcessor {
  /// Where the text proper begins.
  public var beginning: Int
  /// The id that says that there are no timestamps.
  public var noTimestampsToken: Int
  /// The first timestamp; all ids from it on are timestamps.
  public var firstTimestamp: Int
  /// The end of the text; the ids below it are words.
  public var endToken: Int
  /// The latest timestamp, counted from the first, that the text may begin with; nil for any.
  public var latestStart: Int?

  /// The rules of a vocabulary.
  public init(
    beginning: Int, noTimestampsToken: Int, firstTimestamp: Int, endToken: Int,
    latestStart: Int? = nil
  ) {
    self.beginning = beginning
    self.noTimestampsToken = noTimestampsToken
    self.firstTimestamp = firstTimestamp
    self.endToken = endToken
    self.latestStart = latestStart
  }

  /// Forbids what breaks a rule.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    scores.forbid(noTimestampsToken)
    let text = history.tokens.dropFirst(max(0, beginning))
    let firstTimestamp = max(0, min(firstTimestamp, scores.count))
    func isTimestamp(_ id: Int) -> Bool { id >= firstTimestamp }
    func forbid(_ range: Range<Int>) {
      for id in range.clamped(to: 0..<scores.count) { scores.forbid(id) }
    }
    let endsInTime = text.last.map(isTimestamp) ?? false
    let isSecond = text.dropLast().last.map(isTimestamp) ?? true
    if endsInTime {
      forbid(isSecond ? firstTimestamp..<scores.count : 0..<max(0, endToken))
    }
    if let latest = text.last(where: isTimestamp) {
      // The second of a pair may equal the first; a new pair may not begin where the last one ended.
      let next = endsInTime && !isSecond ? latest : latest + 1
      if next > firstTimestamp { forbid(firstTimestamp..<next) }
    }
    if history.tokens.count == beginning {
      forbid(0..<firstTimestamp)
      let latest = max(0, min(latestStart ?? scores.count, scores.count))
      forbid(firstTimestamp + latest + 1..<Int.max)
    }
    let logs = scores.logProbabilities()
    guard firstTimestamp > 0, firstTimestamp < logs.count else { return }
    let times: Float = Tensor(Array(logs[firstTimestamp...])).logSumExp().item()
    if times > logs[..<firstTimestamp].max() ?? -.infinity { forbid(0..<firstTimestamp) }
  }
}
