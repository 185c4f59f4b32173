// From one file of a model to another: the weights get another type, the names those of the format. A
// tensor is read, converted and written before the next one is touched, so that a model larger than
// memory goes through, and the file is whole or absent.

public import HeedFormats
import HeedTensor

/// Converts models between files and types.
public enum ModelConversion {
  /// Writes the model at `input` to `output` with matrices of `type`; vectors and learned positions
  /// stay `float32` in a GGUF file.
  ///
  /// - Parameters:
  ///   - input: a folder, a `.gguf` or a `.bin` file.
  ///   - output: a `.gguf` file, or a folder, whole or absent like the file, of `model.safetensors` and
  ///     the configs and the tokenizer of the input.
  ///   - metadata: more members of a GGUF file, such as those of a tokenizer.
  ///   - files: more files of a folder, such as those of a tokenizer.
  ///   - calibration: a text, for a type of blocks: columns then make good what others lost in
  ///     rounding, for inputs like those of this text (GPTQ, arXiv 2210.17323). It has at least as many tokens
  ///     as the model is wide; of a long text 32,768 are used.
  ///   - tuning: who brings the rounded model nearer to what it was, on the text of the calibration. All
  ///     tensors are in memory then, unless it refuses.
  ///   - progress: told how far the conversion is, also within a tensor that a calibration takes long
  ///     for; what it throws ends the conversion, of which nothing is left.
  /// - Returns: which tensors have weights that are NaN or infinite, or are of another type than `type`.
  /// - Throws: `FormatError`, also for what the format of the output has not.
  @discardableResult
  public static func convert(
    _ input: String, to output: String, type: ConversionType,
    registry: FamilyRegistry = .standard, metadata extra: [(key: String, value: GGUFValue)] = [],
    files: [FolderFile] = [], calibration: CalibrationText? = nil,
    tuning: (any RoundedModelTuning)? = nil,
    progress: @escaping @Sendable (ConversionProgress) throws(FormatError) -> Void = { _ in }
  ) throws(FormatError) -> ConversionReport {
    guard !output.hasSuffix(".safetensors") else {
      throw FormatError(
        .unsupported, what: "weights alone are no model", place: output,
        expected: "a .gguf file, or a folder, which gets a model.safetensors")
    }
    guard calibration == nil || type.elementType == nil else {
      throw FormatError(
        .unsupported, what: "\(type.rawValue) takes no calibration", place: output,
        expected: "a type of blocks, such as q4_0")
    }
    guard output.hasSuffix(".gguf") else {
      let damaged = try writeFolder(
        input, output, type, registry: registry, files: files, progress)
      return ConversionReport(damaged: damaged, fallbacks: [])
    }
    let plan = try plan(input, output, type, registry, readsText: calibration != nil)
    var (tensors, metadata) = (plan.tensors, plan.metadata)
    let extra = plan.tokenCount.map { filled(extra, upTo: $0) } ?? extra
    // What the config of the model says of its tokens counts.
    let known = Set(metadata.map(\.key))
    metadata += extra.filter { !known.contains($0.key) }
    metadata.append(("general.file_type", .uint32(type.fileType)))
    metadata.append(("general.quantization_version", .uint32(2)))
    let steps = ConversionSteps(count: tensors.count, progress)
    var calibrated: CalibratedTensors?
    if let calibration, let reader = plan.reader {
      calibrated = try CalibratedTensors(
        calibration, of: reader.model, as: reader.target, named: reader.names, tensors,
        steps: steps)
    }
    let watch = WeightWatch()
    let fallbacks = type.fallbacks(in: tensors)
    let planned = tensors
    tensors = tensors.map(watch.watching)
    var tuned: TunedTensors?
    if let calibrated {
      tensors = calibrated.ordered(tensors).map(calibrated.calibrated)
      if let tuning, let calibration, let reader = plan.reader {
        tuned = try TunedTensors(
          tensors, planned, of: reader.model, as: reader.target, named: reader.names, by: tuning,
          for: calibration, steps: steps)
        tensors = tuned?.tensors ?? tensors
      }
    }
    try GGUFFile.write(metadata: metadata, tensors: tensors, to: output) {
      (written) throws(FormatError) in try steps.wrote(written)
    }
    return ConversionReport(
      damaged: watch.damaged, fallbacks: fallbacks,
      uncalibrated: calibrated?.uncalibrated ?? [], tuning: tuned?.tuning)
  }

  /// Lists of tokens as long as the embedding has rows: what reads these files takes the size of the
  /// vocabulary from them, and many tables have more rows than their tokenizers have tokens.
  private static func filled(
    _ metadata: [(key: String, value: GGUFValue)], upTo count: Int
  ) -> [(key: String, value: GGUFValue)] {
    metadata.map { key, value in
      guard let list = value.array, list.count < count else { return (key, value) }
      let missing = list.count..<count
      switch key {
      case "tokenizer.ggml.tokens":
        return (key, .array(GGUFArray((list.strings ?? []) + missing.map { "[PAD\($0)]" })))
      case "tokenizer.ggml.scores":
        let scores = (list.numbers ?? []).map { Float($0) }
        return (key, .array(GGUFArray(scores + missing.map { _ in -10_000 })))
      case "tokenizer.ggml.token_type":
        // 5: never in a text.
        let kinds = (list.integers ?? []).map { Int32(clamping: $0) }
        return (key, .array(GGUFArray(kinds + missing.map { _ in 5 })))
      default: return (key, value)
      }
    }
  }
}
