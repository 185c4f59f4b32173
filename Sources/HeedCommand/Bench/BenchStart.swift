import ArgumentParser
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

/// `heed bench start`: a process from nothing to its first tokens; the caller times it.
struct BenchStart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Load a model and print its first tokens.",
    discussion: """
      Times itself from the start of the command; a caller that wants the whole process times that.
      A model of random weights has no tokenizer: the bytes of the prompt are its ids, and ids are printed.
      """)

  @Option(help: "A folder, a .gguf or .bin file, or one of \(BenchModel.names).")
  var model = "gpt2-124m"
  @Option(help: "The text before.") var prompt = "The quick brown fox jumps over the"
  @Option(help: "Tokens to print.") var newTokens = 1
  @Option(help: "What the weights are: f32, bf16, q8_0 or q4_0.") var dtype = WeightType.f32
  @OptionGroup var options: BenchOptions

  func run() throws {
    guard newTokens > 0 else { throw ValidationError("--new-tokens must be positive") }
    let start = steadySeconds()
    try options.withThreads {
      let (network, tokenizer) = try modelAndTokenizer()
      let loaded = steadySeconds()
      let vocabulary = network.spec.vocabularySize
      var ids = [
        try tokenizer?.encode(prompt, addingSpecialTokens: true)
          ?? Array(prompt.utf8).map { Int($0) % vocabulary }
      ]
      guard !ids[0].isEmpty else { throw ValidationError("--prompt is empty") }
      var cache = network.emptyCache(elementType: dtype.cacheType)
      var pass = LanguageModel.Options()
      pass.lastCount = 1
      var chosen: [Int] = []
      for _ in 0..<newTokens {
        let logits = network.forward(ids, cache: &cache, options: pass).logits
        let best: [Int64] = logits.reshaped(to: [1, vocabulary]).argmax().elements()
        chosen.append(Int(best[0]))
        ids = [[Int(best[0])]]
      }
      let text = tokenizer?.decode(chosen) ?? chosen.map(String.init).joined(separator: " ")
      let end = steadySeconds()
      if options.json {
        printJSON([
          "median_s": .number(end - start), "load_s": .number(loaded - start),
          "rss_mb": .number(peakMemory()), "threads": .count(ThreadPool.threadCount),
          "kernels": .text(Kernels.name),
          "tokens": .text(text),
        ])
      } else {
        print(text)
        print(
          "loaded in \(fixed(loaded - start, 3)) s, first tokens after \(fixed(end - start, 3)) s")
      }
    }
  }

  private func modelAndTokenizer() throws -> (LanguageModel, (any Tokenizer)?) {
    if BenchModel.all.contains(model) { return (try dtype.model(model), nil) }
    let text = try TextModel(
      model, precision: dtype.precision, quantization: dtype.quantization)
    return (text.model, text.tokenizer)
  }
}
