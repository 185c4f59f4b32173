// Beam search over one prompt. Of the continuations of all beams, the best are looked at: twice as
// many as there are beams, or more with several end tokens, so that enough go on when some end. The
// rules are those of Hugging Face's, whose results are the reference: only the first of them may
// become finished texts, at log-probability over length to a power, and a search ends by one of three
// conditions (`BeamSettings.Ending`). A text is finished by an end token, by a stop, by its length or by
// a constraint that is met. Filters and temperatures have no part in it: what is likeliest is not drawn.
//
// Diverse search (Vijayakumar et al. 2016) is several such searches side by side, which take from
// their scores what the earlier ones chose in the same step.

import HeedText

/// The beams of one prompt.
struct BeamSearch<Model: StepModel>: Sendable {
  let beam: BeamSettings
  let source: Int
  let prompt: TokenHistory
  let rules: ScoreChain
  let endTokens: [Int]
  /// Tokens that a text may have, the prompt included.
  let limit: Int
  /// How many alternatives are reported for each token; nil for no probabilities.
  let alternativeCount: Int?
  var groups: [Group]

  /// A beginning that is followed, or a text that has ended.
  struct Beam: Sendable {
    var tokens: [Int]
    /// The new tokens with what the model says of them, where asked for.
    var described: [GeneratedToken] = []
    /// Looks for stops, where there are some.
    var follower: TextFollower?
    var state: Model.State?
    var forgotten: Int
    var constraintState = 0
    /// The log-probability; of a finished text divided by its length.
    var score: Float
    var finish: FinishReason = .length
  }

  /// Beams that are compared with each other.
  struct Group: Sendable {
    var running: [Beam]
    var finished: [Beam] = []
    var isDone = false
  }

  init(
    _ beam: BeamSettings, row: GenerationLoop<Model>.Row, settings: GenerationSettings,
    endTokens: [Int], limit contextLimit: Int, follower: TextFollower?
  ) {
    self.beam = beam
    source = row.source
    prompt = row.history
    self.endTokens = endTokens
    alternativeCount = settings.alternativeCount
    rules = settings.sampling.rules(endTokens: endTokens, promptCount: row.history.promptCount)
    let (sum, overflows) = row.history.tokens.count.addingReportingOverflow(settings.newTokenCount)
    let wanted = overflows ? Int.max : sum
    limit =
      settings.overflow == .stop
      ? max(row.history.tokens.count, min(wanted, contextLimit)) : wanted
    let first = Beam(
      tokens: row.history.tokens, follower: settings.stops.isEmpty ? nil : follower,
      state: row.state, forgotten: row.forgotten, score: 0)
    groups = Array(repeating: Group(running: [first]), count: beam.groupCount)
    if limit <= row.history.tokens.count {
      for group in groups.indices {
        groups[group].finished = [first]
        groups[group].isDone = true
      }
    }
  }

  /// Goes on from what the model remembers of the prompt.
  mutating func begin(from state: Model.State) {
    for group in groups.indices {
      for beam in groups[group].running.indices { groups[group].running[beam].state = state }
    }
  }

  var isDone: Bool { groups.allSatisfy(\.isDone) }

  /// A continuation by one token.
  private struct Candidate {
    let beam: Int
    let token: Int
    let score: Float
    let finish: FinishReason?
  }

  /// Chooses the next tokens of every group from the logits of its running beams.
  mutating func choose(_ logits: [[[Float]]], _ walker: inout ConstraintWalker?) {
    var chosen: [Int] = []
    for group in groups.indices where !groups[group].isDone {
      let candidates = candidates(groups[group], logits[group], chosen, &walker)
      update(group, candidates, logits[group], &walker)
      chosen += groups[group].running.compactMap(\.tokens.last)
    }
  }

  private var beamCount: Int { beam.beamCount / beam.groupCount }

  /// The best continuations, the best first.
  private func candidates(
    _ group: Group, _ logits: [[Float]], _ chosen: [Int], _ walker: inout ConstraintWalker?
  ) -> [Candidate] {
    let count = max(2, 1 + endTokens.count) * beamCount
    var all: [Candidate] = []
    for (place, present) in group.running.enumerated() {
      var scores = TokenScores(TokenScores(logits[place]).logProbabilities())
      rules.process(
        &scores, TokenHistory(tokens: present.tokens, promptCount: prompt.promptCount))
      if beam.diversityPenalty != 0 {
        for id in chosen where id < scores.count { scores[id] -= beam.diversityPenalty }
      }
      if let mask = walker?.allowed(present.constraintState, endTokens: endTokens) {
        scores.keep(mask)
      }
      TopK(count).process(&scores, prompt)
      let isLast = present.tokens.count + 1 >= limit
      scores.forEach { id, score in
        guard score > -.infinity else { return }
        let finish: FinishReason? =
          endTokens.contains(id) ? .endToken(id) : isLast ? .length : nil
        all.append(
          Candidate(beam: place, token: id, score: present.score + score, finish: finish))
      }
    }
    all.sort { left, right in
      if left.score != right.score { return left.score > right.score }
      return (left.beam, left.token) < (right.beam, right.token)
    }
    return Array(all.prefix(count))
  }

  private mutating func update(
    _ place: Int, _ candidates: [Candidate], _ logits: [[Float]],
    _ walker: inout ConstraintWalker?
  ) {
    var group = groups[place]
    let newCount = (group.running.first?.tokens.count ?? 0) + 1 - prompt.promptCount
    var running: [Beam] = []
    var finished = group.finished
    let isFull = finished.count == beamCount && beam.ending == .whenFull
    for (rank, candidate) in candidates.enumerated() {
      let parent = group.running[candidate.beam]
      var next = parent
      var finish = candidate.finish
      if case .endToken? = finish {
      } else {
        next.tokens.append(candidate.token)
        if let stop = next.follower?.add(candidate.token).stop { finish = .stop(stop) }
        if walker != nil {
          next.constraintState =
            walker?.next(parent.constraintState, token: candidate.token)
            ?? ConstraintWalker.deadState
          if walker?.isComplete(next.constraintState) == true { finish = .constraint }
        }
      }
      next.score = candidate.score
      guard finish == nil ? running.count < beamCount : rank < beamCount && !isFull else {
        continue
      }
      if let alternativeCount, next.tokens.count > parent.tokens.count {
        next.described.append(
          GeneratedToken(
            candidate.token, logits: logits[candidate.beam], alternativeCount: alternativeCount))
      }
      if let finish {
        next.finish = finish
        next.state = nil
        next.score = judged(candidate.score, length: newCount)
        finished.append(next)
      } else {
        running.append(next)
      }
    }
    if running.isEmpty, finished.isEmpty, var last = group.running.first {
      last.finish = walker?.accepts(last.constraintState) == true ? .constraint : .stuck
      last.state = nil
      last.score = judged(last.score, length: max(1, newCount - 1))
      finished = [last]
    }
    // Stable, so that of equal texts the earlier one stays.
    finished = finished.enumerated().sorted {
      $0.element.score == $1.element.score
        ? $0.offset < $1.offset : $0.element.score > $1.element.score
    }.map(\.element)
    group.finished = Array(finished.prefix(beamCount))
    group.running = running
    group.isDone = running.isEmpty || !mayImprove(group, newCount: newCount)
    if group.isDone { group.running = [] }
    groups[place] = group
  }

  private func judged(_ score: Float, length: Int) -> Float {
    score / power(Float(length), beam.lengthPenalty)
  }

  private func mayImprove(_ group: Group, newCount: Int) -> Bool {
    guard group.finished.count == beamCount, let worst = group.finished.last else { return true }
    if beam.ending == .whenFull { return false }
    let isSure = beam.ending == .whenSure && beam.lengthPenalty > 0
    let length = isSure ? limit - prompt.promptCount : newCount
    let best = group.running.first.map { judged($0.score, length: length) } ?? -.infinity
    return best > worst.score
  }

  /// The best texts.
  func results(count: Int) -> [GeneratedSequence] {
    let all = groups.flatMap { $0.finished.isEmpty ? $0.running : $0.finished }
    return all.enumerated().sorted {
      $0.element.score == $1.element.score
        ? $0.offset < $1.offset : $0.element.score > $1.element.score
    }.prefix(count).map { _, beam in
      GeneratedSequence(
        prompt: source,
        tokens: alternativeCount == nil
          ? beam.tokens.dropFirst(prompt.promptCount).map { GeneratedToken($0) } : beam.described,
        finish: beam.finish, score: beam.score)
    }
  }
}

extension GenerationLoop {
  /// One step of every search: all beams are read in one pass.
  mutating func advanceBeams() {
    var tokens: [[Int]] = []
    var states: [Model.State] = []
    var places: [(search: Int, group: Int, beam: Int)] = []
    for search in searches.indices {
      for group in searches[search].groups.indices where !searches[search].groups[group].isDone {
        for beam in searches[search].groups[group].running.indices {
          var present = searches[search].groups[group].running[beam]
          let forgotten = window.forgotten(of: present.tokens.count)
          var state = present.state ?? model.start(searches[search].source)
          if forgotten != present.forgotten {
            state = model.start(searches[search].source)
            present.forgotten = forgotten
          }
          present.state = nil
          searches[search].groups[group].running[beam] = present
          tokens.append(Array(window.visible(present.tokens)[state.count...]))
          states.append(state)
          places.append((search, group, beam))
        }
      }
    }
    let scores = model.read(
      tokens, states: &states, wanted: tokens.map { _ in 1 }, wantsHidden: false)
    var logits = searches.map { $0.groups.map { _ in [[Float]]() } }
    for (row, place) in places.enumerated() {
      searches[place.search].groups[place.group].running[place.beam].state = states[row]
      logits[place.search][place.group].append(scores[row].logits.last ?? [])
    }
    states = []
    for search in searches.indices where !searches[search].isDone {
      searches[search].choose(logits[search], &walker)
    }
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

private func power(_ base: Float, _ exponent: Float) -> Float { powf(base, exponent) }
