import HeedAttention
public import HeedModels
public import HeedTensor

/// A decoder as the generation loop sees it.
public struct DecoderSteps: StepModel {
  private let model: LanguageModel
  private let cacheType: ElementType

  /// Rows of up to this many new tokens run as one batch; longer ones fill the machine alone.
  private static let longestShared = 16

  /// The length of a text beyond which all of its tokens are read anew, with other rotary frequencies.
  private var switchLength: Int? { model.spec.rotarySwitchLength }

  /// The steps of `model`, with caches of an element type.
  public init(_ model: LanguageModel, cacheType: ElementType = .float32) {
    self.model = model
    self.cacheType = cacheType
  }

  /// The caches of one sequence, one for each block.
  public struct State: StepState {
    var caches: [KeyValueCache]
    /// What was read, where `switchLength` is given; empty elsewhere.
    var tokens: [Int] = []
    /// The length beyond which a text is read with other rotary frequencies (LongRoPE).
    var switchLength: Int?

    /// Tokens that were read.
    public var count: Int { caches.first?.position ?? 0 }

    /// Tells every cache.
    public mutating func expect(_ count: Int) {
      for layer in caches.indices { caches[layer].expect(count) }
    }

    /// Takes every cache back.
    public mutating func truncate(to count: Int) -> Bool {
      // A shorter text has other frequencies, from its first token on.
      if let switchLength, count <= switchLength, self.count > switchLength { return false }
      guard caches.allSatisfy({ $0.canTruncate(to: count) }) else { return false }
      for layer in caches.indices { caches[layer].truncate(to: count) }
      tokens = Array(tokens.prefix(count))
      return true
    }
  }

  /// V.
  public var vocabularySize: Int { model.spec.vocabularySize }

  /// The positions that the model was made for.
  public var contextLength: Int { model.spec.contextLength }

  /// Empty caches.
  public func start(_ source: Int = 0) -> State {
    State(caches: model.emptyCache(elementType: cacheType), switchLength: switchLength)
  }

  /// Reads: rows with equally many new tokens together, long ones alone.
  ///
  /// A text that outgrows the length up to which a LongRoPE model has its short factors is read anew
  /// from its first token, once: scores are those of one pass over the text so far, whatever the
  /// pieces.
  public func read(
    _ tokens: [[Int]], states: inout [State], wanted: [Int], wantsHidden: Bool
  ) -> [StepScores] {
    guard let switchLength else {
      return readOn(tokens, states: &states, wanted: wanted, wantsHidden: wantsHidden)
    }
    let counts = tokens.map(\.count)
    var (tokens, wanted) = (tokens, wanted)
    var before = tokens.map { _ in StepScores(logits: []) }
    for row in tokens.indices {
      let known = states[row].tokens
      states[row].tokens += tokens[row]
      let short = switchLength - known.count
      guard short >= 0, short < tokens[row].count else { continue }
      let wantedShort = wanted[row] - (tokens[row].count - short)
      if short > 0, wantedShort > 0 || wantsHidden {
        var one = [states[row]]
        before[row] =
          readOn(
            [Array(tokens[row][..<short])], states: &one, wanted: [max(wantedShort, 1)],
            wantsHidden: wantsHidden)[0]
        before[row].logits = Array(before[row].logits.suffix(max(wantedShort, 0)))
        wanted[row] -= before[row].logits.count
      }
      tokens[row] = known + tokens[row]
      states[row].caches = start().caches
    }
    let scores = readOn(tokens, states: &states, wanted: wanted, wantsHidden: wantsHidden)
    return scores.indices.map { row in
      let first = before[row]
      // What was read anew has been asked for before.
      let hidden = scores[row].hidden.suffix(counts[row] - first.hidden.count)
      return StepScores(
        logits: first.logits + scores[row].logits, hidden: first.hidden + hidden)
    }
  }

  /// Reads behind what was read, rows with equally many tokens together.
  private func readOn(
    _ tokens: [[Int]], states: inout [State], wanted: [Int], wantsHidden: Bool
  ) -> [StepScores] {
    var results = [StepScores](repeating: StepScores(logits: []), count: tokens.count)
    var groups: [[Int]] = []
    var places: [Int: Int] = [:]
    for row in tokens.indices {
      let count = tokens[row].count
      if count > Self.longestShared {
        groups.append([row])
      } else if let place = places[count] {
        groups[place].append(row)
      } else {
        places[count] = groups.count
        groups.append([row])
      }
    }
    for rows in groups {
      var caches = rows.map { states[$0].caches }
      for row in rows { states[row].caches = [] }  // so that caches grow in place
      let wantedHere = rows.map { wanted[$0] }.max() ?? 1
      let parts = read(rows.map { tokens[$0] }, &caches, wanted: wantedHere, wantsHidden)
      for (place, row) in rows.enumerated() {
        states[row].caches = caches[place]
        results[row] = parts[place]
        results[row].logits = Array(results[row].logits.suffix(wanted[row]))
      }
    }
    return results
  }

  /// Reads rows of equal length.
  private func read(
    _ tokens: [[Int]], _ caches: inout [[KeyValueCache]], wanted: Int, _ wantsHidden: Bool
  ) -> [StepScores] {
    let T = tokens.first?.count ?? 0
    var options = LanguageModel.Options()
    options.keepsHiddenStates = wantsHidden
    options.keepsBitsInPieces = true
    if switchLength != nil {
      options.textLengths = caches.map { ($0.first?.position ?? 0) + T }
    }
    // Logits of a whole prompt would take a row of the vocabulary for each of its tokens.
    options.lastCount = max(1, min(wanted, T))
    let output = model.forward(tokens, sequences: &caches, options: options)
    return tokens.indices.map { row in
      func rows(_ tensor: Tensor) -> [[Float]] {
        (0..<tensor.shape[1]).map { tensor.entry(row, axis: 0).entry($0, axis: 0).elements() }
      }
      return StepScores(
        logits: rows(output.logits),
        hidden: wantsHidden ? output.hiddenStates.last.map(rows) ?? [] : [])
    }
  }
}
