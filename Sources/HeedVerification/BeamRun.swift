import Heed
import HeedFormats
import HeedModels
import HeedTensor

/// Beam search, through the loop that generates everything.
struct BeamRun {
  private let model: LanguageModel
  private let prompts: [[Int]]
  private let settings: GenerationSettings
  private let endTokens: [Int]
  private let paddingToken: Int

  /// The run of a case; nil for one that has a single beam.
  init?(_ model: LanguageModel, _ referenceCase: ReferenceCase) throws {
    guard let beamCount = referenceCase.integer("num_beams"), beamCount > 1 else { return nil }
    if referenceCase.flag("do_sample") { throw Unsupported("beam search with sampling") }
    self.model = model
    let ids = integerRows(try referenceCase.input("input_ids"))
    let visible = referenceCase.inputs["attention_mask"].map(integerRows)
    // Sequences have lengths of their own here, not padding.
    prompts = ids.enumerated().map { row, ids in
      ids.enumerated().filter { visible?[row][$0.offset] ?? 1 != 0 }.map(\.element)
    }
    var settings = GenerationSettings(newTokenCount: referenceCase.integer("max_new_tokens") ?? 0)
    let early = referenceCase.attributes["early_stopping"]
    settings.strategy = .beam(
      BeamSettings(
        beamCount: beamCount,
        lengthPenalty: Float(referenceCase.number("length_penalty") ?? 1),
        ending: early == true ? .whenFull : early == "never" ? .whenSure : .heuristic,
        groupCount: referenceCase.integer("num_beam_groups") ?? 1,
        diversityPenalty: Float(referenceCase.number("diversity_penalty") ?? 0)))
    settings.sampling.noRepeatLength = referenceCase.integer("no_repeat_ngram_size")
    settings.sampling.forbiddenSequences = (referenceCase.attributes["bad_words_ids"]?.array ?? [])
      .map { ($0.array ?? []).compactMap(\.integer) }
    self.settings = settings
    endTokens = referenceCase.integer("eos_token_id").map { [$0] } ?? model.spec.endTokens
    paddingToken = referenceCase.integer("pad_token_id") ?? 0
  }

  func results() throws -> [String: Tensor] {
    if let problem = settings.problem { throw Unsupported(problem) }
    var loop = GenerationLoop(
      DecoderSteps(model), prompts: prompts, settings: settings, endTokens: endTokens)
    while loop.next() != nil {}
    let results = loop.results
    let rows = results.map { result in
      var row = prompts[result.prompt] + result.ids
      if case .endToken(let id) = result.finish { row.append(id) }
      return row
    }
    let width = rows.map(\.count).max() ?? 0
    let padded = rows.flatMap { row in
      row.map { Int64($0) } + Array(repeating: Int64(paddingToken), count: width - row.count)
    }
    return [
      "sequences": Tensor(padded, shape: [rows.count, width]),
      "sequences_scores": Tensor(results.map { $0.score ?? .nan }),
    ]
  }
}
