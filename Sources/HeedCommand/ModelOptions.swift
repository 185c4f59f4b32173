import ArgumentParser
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

/// Blocks that a command makes of weights when it loads them.
enum LoadedBlocks: String, ExpressibleByArgument, CaseIterable {
  case q8_0, q4_0

  var type: BlockType { self == .q8_0 ? .q8_0 : .q4_0 }
}

/// How keys and values are kept.
enum CacheType: String, ExpressibleByArgument, CaseIterable {
  case f32, bf16, int8

  var elementType: ElementType {
    switch self {
    case .f32: .float32
    case .bf16: .bfloat16
    case .int8: .int8
    }
  }
}

/// How what was read is kept, as options.
struct CacheOptions: ParsableArguments {
  @Option(help: "How keys and values are kept (default: as --precision).")
  var cacheType: CacheType?
}

/// Which model, and how it computes.
struct ModelOptions: ParsableArguments {
  @Option(
    help: "The name of a model that ships (see `heed models`), a folder, a .gguf or a .bin file.")
  var model = "shakespeare"
  @Option(help: "Precision of products (default: bf16 for a file of bf16 weights, else f32).")
  var precision: BenchType?
  @Option(help: "Make blocks of 8 or 4 bits of weights that are numbers in the file.")
  var quantize: LoadedBlocks?
  @Option(parsing: .unconditional, help: "Threads; as many as the machine has when not given.")
  var threads: Int?

  func validate() throws {
    if model.isEmpty { throw ValidationError("--model must not be empty") }
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads must be from 1 to 256, not \(threads)")
    }
  }

  /// The model, or another one in the same way.
  ///
  /// - Parameter cacheType: how the texts that it generates are kept.
  func load(_ other: String? = nil, cacheType: CacheType? = nil) throws -> TextModel {
    try Waiting.forIt("loading \(other ?? model)") {
      try TextModel(
        other ?? model, precision: precision?.precision, quantization: quantize?.type,
        cacheType: cacheType?.elementType)
    }
  }

  /// Runs `body` on the threads that were asked for.
  func withThreads(_ body: () throws -> Void) throws {
    try ThreadPool.withThreadCount(threads ?? ThreadPool.threadCount, body)
  }

  /// How those who published it sample.
  func published() throws -> PublishedGeneration {
    try PublishedGeneration(path: ShippedModel.place(of: model))
  }

  /// Its tokenizer alone.
  func tokenizer() throws -> any Tokenizer { try TextModel.tokenizer(model) }

  /// How conversations become prompts of it.
  func chatFormat() throws -> ChatFormat { try TextModel.chatFormat(model) }
}

/// The text of a file, plain or .gz; `-` is standard input.
func readFile(_ path: String) throws -> String {
  path == "-" ? try readText("-") : try TextFile.text(at: path)
}

/// Something that went wrong while a command ran; exit status 1.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
