import ArgumentParser
import HeedFormats
import HeedTensor
import HeedText

/// `heed bench tokenize`: a text to ids.
struct BenchTokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Time the encoding of a text to ids.",
    discussion: """
      The whole file is encoded as one text, reading it not included. One text is encoded by one \
      thread, whatever --threads says: where a text may be cut depends on its tokenizer.
      """)

  @Option(help: "A tokenizer.json, another tokenizer's file, or a model's folder.")
  var tokenizer: String
  @Option(help: "A text file.") var text: String
  @OptionGroup var options: BenchOptions

  func run() throws {
    let tokenizer = try TokenizerFolder.tokenizer(at: tokenizer)
    let text = String(decoding: try FileAccess.bytes(of: text), as: UTF8.self)
    var count = 0
    var failure: (any Error)?
    try options.withThreads {
      let measurement = Measurement(seconds: options.seconds) {
        do { count = try tokenizer.encode(text, addingSpecialTokens: false).count } catch {
          failure = error
        }
      }
      if let failure { throw failure }
      let megabytes = Double(text.utf8.count) / 1e6
      BenchReport(
        name: "tokenize \(text.utf8.count) bytes", measurement: measurement,
        extra: [
          "tokens": .count(count), "mb": .number(megabytes),
          "mb_per_s": .number(megabytes / measurement.median),
        ]
      ).show(options)
    }
  }
}
