import HeedText

extension GenerationLoop {
  /// One round of the given rows: reads what is new and what was guessed, and keeps the guesses that
  /// would have been chosen.
  mutating func advance(_ live: [Int]) -> [Event] {
    var tokens: [[Int]] = []
    var guesses: [[Int]] = []
    var states: [Model.State] = []
    for row in live {
      let unread = unread(row)
      let room = min(
        settings.newTokenCount - rows[row].history.newCount - 1,
        window.limit - window.visible(rows[row].history.tokens).count)
      var guess: [Int] = []
      if room > 0, var proposer = rows[row].proposer {
        var place = walker.map {
          ConstrainedPlace(walker: $0, state: rows[row].constraintState, endTokens: endTokens)
        }
        walker = nil  // so that what the walk finds out is written in place
        guess = proposer.propose(rows[row].history, limit: room, rows[row].chooser, &place)
        walker = place?.walker
        rows[row].proposer = proposer
        let known = guess.prefix { $0 >= 0 && $0 < model.vocabularySize }
        guess = Array(known.prefix(room))
      }
      tokens.append(unread + guess)
      guesses.append(guess)
      if let state = rows[row].state { states.append(state) }
      rows[row].state = nil  // held once, so that it grows in place
    }
    let scores = model.read(
      tokens, states: &states, wanted: guesses.map { $0.count + 1 }, wantsHidden: false)
    var events: [Event] = []
    for (place, row) in live.enumerated() {
      let guess = guesses[place]
      for (step, logits) in scores[place].logits.enumerated() {
        var open = TokenScores(logits)
        let mask = mask(rows[row].constraintState)
        let id = rows[row].chooser.choose(&open, rows[row].history, mask: mask)
        guard let token = accept(id, logits, row: row) else { break }
        events.append(Event(row: row, token: token))
        if rows[row].finish != nil || step >= guess.count || guess[step] != token.id { break }
      }
      var state = states[place]
      let readCount = window.visible(rows[row].history.tokens).count - 1
      // The last token is chosen, not read; wrong guesses are forgotten.
      if state.count <= readCount
        || rows[row].forgotten != window.forgotten(of: rows[row].history.tokens.count)
        || state.truncate(to: readCount)
      {
        rows[row].state = state
      }
    }
    return events
  }

  /// The ids that a constraint allows; nil without one.
  mutating func mask(_ state: Int) -> [Int]? {
    let ends = endTokens
    return walker?.allowed(state, endTokens: ends)
  }
}
