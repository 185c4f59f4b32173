import Heed
import HeedFormats
import HeedTensor

/// Processors of scores (`ops_generation/logits_processors`): names to values, nothing else.
struct ScoreProcessorsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let rows = integerRows(try referenceCase.input("input_ids"))
    let scores = try referenceCase.input("scores")
    let processor = try processor(referenceCase)
    let promptCount = referenceCase.integer("prompt_length") ?? 0
    let processed = rows.enumerated().map { place, tokens in
      var row = TokenScores(scores.entry(place, axis: 0).elements())
      processor.process(&row, TokenHistory(tokens: tokens, promptCount: promptCount))
      return Tensor(row.values)
    }
    return ["processed": Tensor(stacking: processed)]
  }

  private func processor(_ referenceCase: ReferenceCase) throws -> any ScoreProcessor {
    func number(_ key: String) throws -> Float {
      guard let value = referenceCase.number(key) else {
        throw FormatError(.missing, what: "no \(key)", place: referenceCase.name)
      }
      return Float(value)
    }
    func integer(_ key: String) throws -> Int { Int(try number(key)) }
    func ids(_ value: JSONValue?) -> [Int] { (value?.array ?? []).compactMap(\.integer) }
    let attributes = referenceCase.attributes
    let ends = attributes["eos"]?.integer.map { [$0] } ?? ids(attributes["eos"])
    let keeping = referenceCase.integer("keep") ?? 1
    switch referenceCase.text("processor") {
    case "temperature": return Temperature(try number("temperature"))
    case "top_k": return TopK(max(try integer("top_k"), keeping))
    case "top_p": return TopP(try number("top_p"), keeping: keeping)
    case "min_p": return MinP(try number("min_p"), keeping: keeping)
    case "typical": return TypicalMass(try number("mass"), keeping: keeping)
    case "epsilon": return EpsilonCutoff(try number("epsilon"), keeping: keeping)
    case "eta": return EtaCutoff(try number("epsilon"), keeping: keeping)
    case "repetition_penalty": return RepetitionPenalty(try number("penalty"))
    case "no_repeat_ngram": return NoRepeatedSequence(length: try integer("size"))
    case "bad_words":
      let words = (attributes["bad_words_ids"]?.array ?? []).map { ids($0) }
      return SequenceBias(forbidden: words, endTokens: ends)
    case "min_length":
      return MinimumLength(try integer("min_length"), countsPrompt: true, endTokens: ends)
    case "min_new_tokens":
      return MinimumLength(try integer("min_new_tokens"), endTokens: ends)
    case "forced_eos": return ForcedToken(ends, at: try integer("max_length") - 1)
    case "forced_bos": return ForcedToken([try integer("bos")], at: 1)
    case "suppress": return SuppressedTokens(ids(attributes["tokens"]))
    case "suppress_at_begin":
      return SuppressedTokens(ids(attributes["tokens"]), at: try integer("begin_index"))
    case "length_penalty_decay":
      let decay = (attributes["decay"]?.array ?? []).compactMap(\.number)
      guard decay.count == 2 else { throw Unsupported("a decay of \(decay.count) numbers") }
      return EndingDecay(start: Int(decay[0]), factor: Float(decay[1]), endTokens: ends)
    case "sequence_bias":
      return SequenceBias(
        (attributes["bias"]?.array ?? []).map {
          .init(ids($0["ids"]), Float($0["bias"]?.number ?? 0))
        })
    case "whisper_timestamps":
      return TimestampRules(
        beginning: try integer("begin_index"),
        noTimestampsToken: try integer("no_timestamps_token_id"),
        firstTimestamp: try integer("timestamp_begin"), endToken: ends.first ?? 0,
        latestStart: referenceCase.integer("max_initial_timestamp_index"))
    case let name: throw Unsupported("the processor \(name ?? "without a name")")
    }
  }
}
