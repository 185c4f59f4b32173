import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

/// Texts that were generated, for people and as a document.
struct GenerationReport {
  let text: TextModel
  let prompts: [String]
  let results: [GeneratedText]
  let settings: GenerationSettings
  /// The tokens of each prompt, where they were asked for.
  let promptTokens: [[GeneratedToken]]?

  /// Each text behind its prompt; with several, each under a line that says which it is.
  var texts: String {
    results.map { result in
      let whole = prompts[result.prompt] + result.text
      guard results.count > 1 else { return whole }
      let score = result.score.map { ", score " + fixed($0, 4) } ?? ""
      return "[prompt \(result.prompt + 1)\(score)]\n" + whole
    }.joined(separator: "\n\n")
  }

  /// A line for each token: its log-probability, and those that could have come.
  var probabilities: String {
    var lines: [String] = []
    for (place, tokens) in (promptTokens ?? []).enumerated() {
      lines.append("log-probabilities of prompt \(place + 1):")
      lines += tokens.map(line)
    }
    if settings.alternativeCount != nil {
      for (place, result) in results.enumerated() {
        lines.append("log-probabilities of text \(place + 1):")
        lines += result.tokens.map(line)
      }
    }
    return lines.joined(separator: "\n")
  }

  private func line(_ token: GeneratedToken) -> String {
    func quoted(_ id: Int) -> String { JSONValue.string(text.tokenizer.decode([id])).text() }
    func shown(_ value: Float) -> String { fixed(value, 4) }
    let others = token.alternatives.map { "\(quoted($0.id)) \(shown($0.logProbability))" }
    return "  \(token.logProbability.map(shown) ?? "      ")  \(quoted(token.id))"
      + (others.isEmpty ? "" : "   of " + others.joined(separator: ", "))
  }

  /// What `--json` prints (docs/JSON.md).
  var document: JSONValue {
    var document = JSONObject()
    document["model"] = .string(text.name)
    document["precision"] = .string(text.model.precision.rawValue)
    document["cache"] = .string("\(text.cacheType)")
    document["seed"] = .integer(Int(clamping: settings.sampling.seed))
    if settings.strategy == .sampling { document["sampling"] = sampling }
    if let first = results.first, prompts.count == 1 {
      document["prompt"] = .string(prompts[0])
      document["text"] = .string(first.text)
    }
    document["results"] = .array(results.map(entry))
    if let promptTokens {
      document["prompt_tokens"] = .array(promptTokens.map { .array($0.map(described)) })
    }
    return .object(document)
  }

  /// The settings in use, given or published.
  private var sampling: JSONValue {
    let sampling = settings.sampling
    func number(_ value: Float) -> JSONValue { .number(Double("\(value)") ?? Double(value)) }
    return [
      "temperature": number(sampling.temperature),
      "top_k": sampling.topK.map { .integer($0) } ?? .null, "top_p": number(sampling.topP),
      "min_p": number(sampling.minP), "typical_p": number(sampling.typicalP),
      "repetition_penalty": number(sampling.repetitionPenalty),
    ]
  }

  private func entry(_ result: GeneratedText) -> JSONValue {
    var entry = JSONObject()
    entry["prompt"] = .string(prompts[result.prompt])
    entry["text"] = .string(result.text)
    entry["finish"] = .string(result.finish.description)
    entry["ids"] = .array(result.tokens.map { .integer($0.id) })
    entry["score"] = result.score.map { .number(Double($0)) }
    if settings.alternativeCount != nil { entry["tokens"] = .array(result.tokens.map(described)) }
    return .object(entry)
  }

  private func described(_ token: GeneratedToken) -> JSONValue {
    func shown(_ id: Int) -> JSONValue { .string(text.tokenizer.decode([id])) }
    return [
      "id": .integer(token.id), "text": shown(token.id),
      "logprob": token.logProbability.map { .number(Double($0)) } ?? .null,
      "top": .array(
        token.alternatives.map {
          [
            "id": .integer($0.id), "text": shown($0.id),
            "logprob": .number(Double($0.logProbability)),
          ]
        }),
    ]
  }
}
