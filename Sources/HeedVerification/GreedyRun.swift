import Heed
import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

/// Greedy continuation, once with a cache, once without, and once by the loop that generates
/// everything: all have to give the same tokens.
struct GreedyRun {
  private let model: LanguageModel
  private let ids: [[Int]]
  private let visible: [[Bool]]
  private let newTokenCount: Int
  private let endToken: Int?
  private let paddingToken: Int
  private let tolerance: Tolerance

  init(_ model: LanguageModel, _ referenceCase: ReferenceCase) throws {
    if referenceCase.flag("do_sample") { throw Unsupported("sampling") }
    self.model = model
    ids = integerRows(try referenceCase.input("input_ids"))
    visible =
      referenceCase.inputs["attention_mask"].map { integerRows($0).map { $0.map { $0 != 0 } } }
      ?? ids.map { $0.map { _ in true } }
    newTokenCount = referenceCase.integer("max_new_tokens") ?? 0
    endToken = referenceCase.integer("eos_token_id")
    paddingToken = referenceCase.integer("pad_token_id") ?? 0
    tolerance = referenceCase.tolerance
  }

  func results() throws -> [String: Tensor] {
    let cached = run(keepsCache: true)
    let plain = run(keepsCache: false)
    guard cached.sequences == plain.sequences else {
      throw FormatError(
        .inconsistent,
        what: "other tokens with a cache than without: \(cached.sequences) and "
          + "\(plain.sequences)", place: "greedy continuation")
    }
    let generated = try generated()
    guard cached.sequences.map({ Array($0.dropFirst(ids.first?.count ?? 0)) }) == generated else {
      throw FormatError(
        .inconsistent,
        what: "the generation loop gives other tokens: \(generated), expected the ends of "
          + "\(cached.sequences)", place: "greedy continuation")
    }
    let logits = [cached, plain].map { Tensor(concatenating: $0.logits, alongAxis: 1) }
    let comparison = Comparison(
      name: "step_logits", got: logits[0], want: logits[1], tolerance: tolerance)
    guard comparison.passes else {
      throw FormatError(
        .inconsistent,
        what: "logits with a cache are \(comparison.largestError) off those without",
        place: "greedy continuation")
    }
    let flat = cached.sequences.flatMap { $0.map { Int64($0) } }
    let width = cached.sequences.first?.count ?? 0
    return [
      "sequences": Tensor(flat, shape: [ids.count, width]),
      "step_logits": logits[0],
    ]
  }

  /// The new tokens of every row by the generation loop, whose prompts have lengths of their own
  /// instead of padding; filled up behind the end tokens.
  private func generated() throws -> [[Int]] {
    var settings = GenerationSettings(
      sampling: SamplingSettings(temperature: 0), newTokenCount: newTokenCount)
    settings.stopTokens = endToken.map { [$0] } ?? []
    if let problem = settings.problem { throw Unsupported(problem) }
    let prompts = zip(ids, visible).map { row, visible in
      zip(row, visible).filter(\.1).map(\.0)
    }
    var loop = GenerationLoop(DecoderSteps(model), prompts: prompts, settings: settings)
    while loop.next() != nil {}
    let rows = loop.results.map { result in
      if case .endToken(let id) = result.finish { result.ids + [id] } else { result.ids }
    }
    let width = rows.map(\.count).max() ?? 0
    return rows.map { $0 + Array(repeating: paddingToken, count: width - $0.count) }
  }

  private func run(keepsCache: Bool) -> (sequences: [[Int]], logits: [Tensor]) {
    var sequences = ids
    var visible = visible
    var finished = ids.map { _ in false }
    var cache = keepsCache ? model.emptyCache() : []
    var steps: [Tensor] = []
    for _ in 0..<newTokenCount where !finished.allSatisfy({ $0 }) {
      let seen = cache.first?.position ?? 0
      var options = LanguageModel.Options()
      options.visibleKeys = visible
      options.positions = Self.positions(visible, from: seen)
      options.textLengths = visible.map { $0.count { $0 } }
      options.lastCount = 1
      let step = model.forward(  // [B, 1, V]
        sequences.map { Array($0[seen...]) }, cache: &cache, options: options
      ).logits
      steps.append(step)
      let next = step.argmax().elements(as: Int64.self).map(Int.init)
      for row in sequences.indices {
        sequences[row].append(finished[row] ? paddingToken : next[row])
        visible[row].append(true)
        if next[row] == endToken { finished[row] = true }
      }
    }
    return (sequences, steps)
  }

  /// The number of visible tokens before each one; padding counts as the first place.
  private static func positions(_ visible: [[Bool]], from start: Int) -> [Int] {
    visible.flatMap { row -> [Int] in
      var count = 0
      let places = row.map { isVisible -> Int in
        defer { if isVisible { count += 1 } }
        return isVisible ? count : 0
      }
      return Array(places[start...])
    }
  }
}
