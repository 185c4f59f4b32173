// Su et al. 2022, "A contrastive framework for neural text generation", arXiv 2202.06417. Each of the
// k likeliest candidates is read, all in one batch of forks of the sequence; the one wins whose
// probability, less its likeness to what was said, is highest. What it left behind, its state, its
// logits and its hidden state, is the sequence's, so nothing is read twice.

extension GenerationLoop {
  /// One token of each row.
  mutating func advanceContrastively(_ live: [Int]) -> [Event] {
    var events: [Event] = []
    for row in live {
      guard let token = contrastiveToken(row) else { continue }
      events.append(Event(row: row, token: token))
    }
    return events
  }

  private mutating func contrastiveToken(_ row: Int) -> GeneratedToken? {
    guard case .contrastive(let count, let penalty) = settings.strategy else { return nil }
    let unread = unread(row)
    if !unread.isEmpty || rows[row].logits == nil {
      var states = rows[row].state.map { [$0] } ?? []
      let scores = model.read([unread], states: &states, wanted: [1], wantsHidden: true)
      rows[row].state = states[0]
      rows[row].hidden += scores[0].hidden
      rows[row].logits = scores[0].logits.last
    }
    guard let logits = rows[row].logits, let state = rows[row].state else { return nil }
    var open = TokenScores(logits)
    if let mask = mask(rows[row].constraintState) { open.keep(mask) }
    rows[row].chooser.applyRules(&open, rows[row].history)
    let probabilities = open.probabilities()
    TopK(count).process(&open, rows[row].history)
    let candidates = (open.candidates ?? []).filter { open[$0] > -.infinity }
    guard !candidates.isEmpty else { return accept(nil, logits, row: row) }
    let likely = Dictionary(
      zip(probabilities.ids, probabilities.values), uniquingKeysWith: { first, _ in first })
    // A candidate that would not fit the window is judged by its probability alone.
    let fits = state.count < window.limit
    var forks = candidates.map { _ in state }
    let reads =
      fits
      ? model.read(
        candidates.map { [$0] }, states: &forks, wanted: candidates.map { _ in 1 },
        wantsHidden: true) : []
    var best: (place: Int, score: Float)?
    for (place, id) in candidates.enumerated() {
      let likeness = fits ? Self.largestLikeness(reads[place].hidden[0], rows[row].hidden) : 0
      let score = (1 - penalty) * (likely[id] ?? 0) - penalty * likeness
      if score > best?.score ?? -.infinity { best = (place, score) }
    }
    let place = best?.place ?? 0
    let token = accept(candidates[place], logits, row: row)
    if fits, token != nil {
      rows[row].state = forks[place]
      rows[row].hidden.append(reads[place].hidden[0])
      rows[row].logits = reads[place].logits.last
    }
    return token
  }

  /// The largest cosine between a hidden state and those of the text.
  private static func largestLikeness(_ vector: [Float], _ others: [[Float]]) -> Float {
    func product(_ left: [Float], _ right: [Float]) -> Float {
      var sum: Float = 0
      for (x, y) in zip(left, right) { sum += x * y }
      return sum
    }
    let length = product(vector, vector).squareRoot()
    var largest: Float = -1
    for other in others {
      let lengths = length * product(other, other).squareRoot()
      if lengths > 0 { largest = max(largest, product(vector, other) / lengths) }
    }
    return largest
  }
}
