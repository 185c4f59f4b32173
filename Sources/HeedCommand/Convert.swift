import ArgumentParser
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import HeedTraining
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `heed convert`: a model in another file and other types.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model as another file, with weights of another type.",
    discussion: """
      Reads folders of safetensors, GGUF and llama2.c files. Writes a GGUF file when OUTPUT ends in \
      .gguf, else a folder as Hugging Face has them, with the tokenizer and the chat template. For \
      types of 4 and 5 bits the model reads a text first, which it writes itself unless --calibrate \
      gives one, and each column of a matrix makes good what those before it lost in rounding \
      (GPTQ): that about halves how far the model is from what it was. Up to 14 million weights, \
      scales and norms are then tuned so that its predictions of that text come back to what they \
      were. With --measure it says what the change of type costs on a text; take another one than \
      that of the calibration.
      """)

  @Argument(help: "A folder, a .gguf or a .bin file.") var input: String
  @Argument(help: "A .gguf file or a folder.") var output: String
  @Option(
    help: "f32, f16, bf16, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1 or q4_0.",
    transform: { name in
      guard let type = ConversionType(rawValue: name.lowercased()) else {
        let names = ConversionType.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--dtype must be one of \(names), not \(name)")
      }
      return type
    })
  var dtype: ConversionType
  @Option(
    help: """
      Round blocks for what a text makes the model read: a UTF-8 text file, like what the model is \
      for, of which some 30,000 tokens are used; self, a text that the model writes; or none \
      (default: self for types of 4 and 5 bits, up to 100 million weights).
      """)
  var calibrate: CalibrationSource?
  @Option(help: "A UTF-8 text file: print the perplexity on it before and after.")
  var measure: String?
  @Option(help: "The folder whose tokenizer reads these texts (default: INPUT).")
  var tokenizer: String?
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if output.isEmpty { throw ValidationError("OUTPUT must not be empty") }
    switch calibrate {
    case .file, .model:
      guard dtype.elementType == nil else {
        throw ValidationError("--calibrate goes with types of blocks, not with \(dtype.rawValue)")
      }
    case .nothing, .needless, nil: break
    }
  }

  func run() throws {
    if output.hasSuffix(".gguf") { try AtomicFile.check(output) }
    let text = try measure.map { try TextFile.text(at: $0) }
    let source = try ShippedModel.place(of: input)
    // Whatever can be wrong with the model or the text is said before anything is read or written for long.
    var way = try wantedWay(for: source)
    let calibration = try calibrationText(way, of: source)
    let before = try text.map { try evaluation(of: source, source: source, on: $0) }
    var metadata: [(key: String, value: GGUFValue)] = []
    var files: [FolderFile] = []
    if output.hasSuffix(".gguf"), !source.hasSuffix(".gguf") {
      let found = try GGUFTokenizer.metadata(ofFolder: tokenizer ?? folder(of: source))
      metadata = found.members
      if let missing = found.missing { note(missing) }
    } else if !output.hasSuffix(".gguf") {
      files = try tokenizerFiles(of: source)
    }
    let conversion = try write(source, metadata, files, calibration, &way)
    if !conversion.damaged.isEmpty { note(Self.warning(of: conversion.damaged)) }
    for fallback in conversion.fallbacks { note("\(fallback)") }
    for matrices in conversion.uncalibrated { note("\(matrices)") }
    let after = try text.map { try evaluation(of: output, source: source, on: $0) }
    report(before, after, conversion, way)
  }

  /// What blocks are to be rounded for. Folders have none.
  ///
  /// - Throws: `FormatError` for a model that the format of the output cannot say.
  private func wantedWay(for source: String) throws -> CalibrationSource {
    guard output.hasSuffix(".gguf") else { return calibrate ?? .nothing }
    let isRounded = try ModelConversion.makesBlocks(of: source, to: output, type: dtype)
    return isRounded ? calibrate ?? .usual(for: dtype) : .needless
  }

  /// The text of a file for the calibration.
  private func calibrationText(
    _ way: CalibrationSource, of source: String
  ) throws -> CalibrationText? {
    guard case .file(let path) = way else { return nil }
    let tokenizer = try TextModel.tokenizer(tokenizer ?? source)
    return CalibrationText(try tokenizer.encode(try TextFile.text(at: path)), place: path)
  }

  /// The text that the model writes; nil, with a word why, where it cannot and nobody has said that it
  /// must.
  private func writtenText(of source: String, _ interrupt: Interrupt) throws -> CalibrationText? {
    do {
      let text = try TextWriter(source, isAsked: calibrate != nil).text(interrupt)
      // What held the writing model's weights would wait beside what reads the text.
      BufferPool.shared.drain()
      return text
    } catch {
      guard calibrate == nil else { throw error }
      note("each block is rounded alone, as the model writes no text to calibrate with: \(error)")
      return nil
    }
  }

  /// Writes the output, and before it the text of the calibration where the model does that. Ctrl-C and
  /// SIGTERM are asked for after each token, each tensor and each window of a text that a block reads, and
  /// leave nothing behind.
  ///
  /// - Parameter way: what blocks are to be rounded for, and then what they were.
  private func write(
    _ source: String, _ metadata: [(key: String, value: GGUFValue)], _ files: [FolderFile],
    _ calibration: CalibrationText?, _ way: inout CalibrationSource
  ) throws -> ConversionReport {
    let interrupt = Interrupt(Interrupt.endingSignals)
    var calibration = calibration
    if case .model = way {
      calibration = try writtenText(of: source, interrupt)
      if calibration == nil { way = .nothing }
    }
    let (isStopped, output) = (interrupt.question, output)
    let bar = Mutex(ConversionBar())
    defer { bar.withLock { $0.end() } }
    do throws(FormatError) {
      return try ModelConversion.convert(
        source, to: output, type: dtype, metadata: metadata, files: files, calibration: calibration,
        tuning: calibration == nil ? nil : Distillation()
      ) { progress throws(FormatError) in
        if isStopped() {
          throw FormatError(.interrupted, what: "the conversion was stopped", place: output)
        }
        bar.withLock { $0.show(progress) }
      }
    } catch {
      if error.code == .interrupted { interrupt.obey() }
      throw error
    }
  }

  private static func warning(of damaged: [DamagedTensor]) -> String {
    let shown = damaged.prefix(10).map { "\($0.name) (\($0.count))" }.joined(separator: ", ")
    let rest = damaged.count > 10 ? " and \(damaged.count - 10) more" : ""
    let tensors = damaged.count == 1 ? "1 tensor has" : "\(damaged.count) tensors have"
    return "\(tensors) weights that are NaN or infinite: \(shown)\(rest)"
  }

  /// The folder that a model is, or lies in.
  private func folder(of source: String) -> String {
    source.hasSuffix(".gguf") || source.hasSuffix(".bin")
      ? URL(fileURLWithPath: source).deletingLastPathComponent().path : source
  }

  /// The tokenizer of a single file as the files of a folder.
  private func tokenizerFiles(of source: String) throws -> [FolderFile] {
    let files: [(name: String, content: JSONValue)]
    if source.hasSuffix(".gguf") {
      files = try TokenizerFiles.files(of: GGUFFile(path: source))
    } else if source.hasSuffix(".bin") {
      let place = tokenizer ?? folder(of: source)
      files = (try? TokenizerFolder.tokenizer(at: place)).map { TokenizerFiles.files(of: $0) } ?? []
    } else {
      return []
    }
    if files.isEmpty { note("no tokenizer in \(source): the folder will have none") }
    return files.map { FolderFile($0.name, $0.content) }
  }

  private func evaluation(
    of model: String, source: String, on text: String
  ) throws -> Evaluation {
    try TextModel(
      name: model, model: LanguageModel(path: model),
      tokenizer: TextModel.tokenizer(tokenizer ?? source)
    ).evaluate(text)
  }

  private func report(
    _ before: Evaluation?, _ after: Evaluation?, _ conversion: ConversionReport,
    _ way: CalibrationSource
  ) {
    let bytes = size(output.hasSuffix(".gguf") ? output : output + "/model.safetensors")
    var object = JSONObject()
    object["output"] = .string(output)
    object["dtype"] = .string(dtype.rawValue)
    object["bytes"] = .integer(bytes)
    if dtype.elementType == nil { object["calibration"] = .string(way.name) }
    if let tuning = conversion.tuning { object["tuning"] = tuning.json }
    if !conversion.damaged.isEmpty {
      object["tensors_not_finite"] = .integer(conversion.damaged.count)
    }
    if !conversion.fallbacks.isEmpty {
      object["fallbacks"] = .array(conversion.fallbacks.map(\.json))
    }
    if !conversion.uncalibrated.isEmpty {
      object["uncalibrated"] = .array(conversion.uncalibrated.map(\.json))
    }
    if let before, let after {
      let (was, now) = (before.perplexity, after.perplexity)
      object["perplexity_before"] = .number(was)
      object["perplexity_after"] = .number(now)
      object["change_percent"] = .number((now / was - 1) * 100)
      object["tokens"] = .integer(before.tokens)
      if !json {
        print(
          "perplexity \(fixed(was, 5)) before, \(fixed(now, 5)) after: "
            + "\(fixed((now / was - 1) * 100, 4, isSigned: true)) % over \(before.tokens) tokens")
      }
    }
    if json {
      print(JSONValue.object(object).text())
    } else {
      var words = dtype.elementType == nil ? ", \(way)" : ""
      if let tuning = conversion.tuning { words += ", \(tuning)" }
      print("\(output): \(dtype.rawValue)\(words), \(fixed(Double(bytes) / 1e6, 1)) MB")
    }
  }

  private func size(_ path: String) -> Int {
    (try? MappedFile(path: path).byteCount) ?? 0
  }
}

/// How far a conversion is: its tensors, and then the tuning of what they became.
private struct ConversionBar {
  private var tensors = ProgressBar("tensors")
  private var tuning: ProgressBar?

  mutating func show(_ progress: ConversionProgress) {
    guard progress.tunedShare > 0 else {
      tensors.show(Double(progress.written) + progress.readShare, of: progress.count)
      return
    }
    var bar = tuning ?? ProgressBar("tuning, percent")
    bar.show(100 * progress.tunedShare, of: 100)
    tuning = bar
  }

  func end() {
    tensors.end()
    tuning?.end()
  }
}

extension ConversionFallback {
  fileprivate var json: JSONValue {
    [
      "matrices": .integer(count), "row": .integer(width), "wanted": .string(wanted.rawValue),
      "written": .string(written?.rawValue ?? "f16"),
      "multiple_of": .integer(wanted.blockWidth),
    ]
  }
}

extension ModelTuning {
  fileprivate var json: JSONValue {
    switch self {
    case .tuned(let before, let after):
      ["divergence_before": .number(before), "divergence_after": .number(after)]
    case .skipped(let reason): ["skipped": .string(reason.rawValue)]
    }
  }
}

extension UncalibratedMatrices {
  fileprivate var json: JSONValue {
    ["matrices": .integer(count), "row": .integer(width), "reason": .string(reason.rawValue)]
  }
}
