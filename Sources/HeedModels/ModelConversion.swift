// From one file of a model to another: the weights get another type, the names those of the format. A
// tensor is read, converted and written before the next one is touched, so that a model larger than
// memory goes through, and the file is whole or absent.

import HeedBlocks
public import HeedFormats
import HeedTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Converts models between files and types.
public enum ModelConversion {
  /// Writes the model at `input` to `output` with matrices of `type`; vectors and learned positions
  /// stay `float32` in a GGUF file.
  ///
  /// - Parameters:
  ///   - input: a folder, a `.gguf` or a `.bin` file.
  ///   - output: a `.gguf` file, or a folder, which becomes `model.safetensors` and the JSON files of
  ///     the input.
  ///   - metadata: more members of a GGUF file, such as those of a tokenizer.
  ///   - progress: told how many of how many tensors are written.
  /// - Throws: `FormatError`, also for what the format of the output has not.
  public static func convert(
    _ input: String, to output: String, type: ConversionType,
    registry: FamilyRegistry = .standard, metadata extra: [(key: String, value: GGUFValue)] = [],
    progress: (_ written: Int, _ all: Int) -> Void = { _, _ in }
  ) throws(FormatError) {
    guard output.hasSuffix(".gguf") else {
      try writeFolder(input, output, type, progress)
      return
    }
    let tensors: [GGUFTensor]
    var metadata: [(key: String, value: GGUFValue)]
    if input.hasSuffix(".gguf") {
      let file = try GGUFFile(path: input)
      metadata = file.metadata.filter {
        !["general.file_type", "general.alignment", "general.quantization_version"].contains($0.key)
      }
      tensors = try plan(file, type)
    } else {
      let model = try PublishedModel(path: input, registry: registry)
      let architecture = try GGUFArchitecture.writing(model, place: input)
      metadata = try architecture.metadata(of: model, place: input)
      tensors =
        input.hasSuffix(".bin")
        ? try plan(model.weights, type) : try architecture.tensors(of: model, type)
      try architecture.check(
        PlannedGGUF(path: output, metadata: metadata, tensors: tensors), says: model)
    }
    // What the config of the model says of its tokens counts.
    let known = Set(metadata.map(\.key))
    metadata += extra.filter { !known.contains($0.key) }
    metadata.append(("general.file_type", .uint32(type.fileType)))
    metadata.append(("general.quantization_version", .uint32(2)))
    try GGUFFile.write(metadata: metadata, tensors: tensors, to: output) {
      progress($0, tensors.count)
    }
  }

  /// The tensors of a source whose names stay.
  private static func plan(
    _ source: any TensorSource, _ type: ConversionType
  ) throws(FormatError) -> [GGUFTensor] {
    var result: [GGUFTensor] = []
    for name in source.tensorNames {
      let shape = try source.shape(named: name)
      let blocks = try source.blocks(named: name)
      let wanted = type.type(named: name, shape: shape)
      if let blocks, wanted == .blocks(blocks.type) {
        result.append(GGUFTensor(name, blocks))
        continue
      }
      result.append(
        GGUFTensor(name, shape: shape, type: wanted) { () throws(FormatError) in
          try source.floatingPointTensor(named: name)
        })
    }
    return result
  }

  private static func writeFolder(
    _ input: String, _ output: String, _ type: ConversionType,
    _ progress: (Int, Int) -> Void
  ) throws(FormatError) {
    guard let elementType = type.elementType else {
      throw FormatError(
        .unsupported, what: "safetensors files have no \(type.rawValue) blocks", place: output,
        expected: "f32, f16 or bf16", hint: "give the output a name that ends in .gguf")
    }
    guard !input.hasSuffix(".gguf"), !input.hasSuffix(".bin") else {
      throw FormatError(
        .unsupported, what: "a file cannot become a folder of Hugging Face's names", place: input,
        expected: "a folder", hint: "give the output a name that ends in .gguf")
    }
    let folder = try ModelFolder(path: input)
    var tensors: [String: Tensor] = [:]
    let names = folder.weights.tensorNames
    for (index, name) in names.enumerated() {
      let tensor = try folder.weights.tensor(named: name)
      tensors[name] =
        tensor.elementType.isFloatingPoint ? tensor.converted(to: elementType) : tensor
      progress(index + 1, names.count)
    }
    try FileAccess.makeFolder(output)
    try SafetensorsFile.write(
      tensors, metadata: ["format": "pt"], to: output + "/model.safetensors")
    for name in [
      "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
      "special_tokens_map.json", "chat_template.jinja",
    ] {
      let source = folder.path + "/" + name
      guard FileManager.default.fileExists(atPath: source) else { continue }
      guard let content = FileManager.default.contents(atPath: source) else {
        throw FormatError(.unreadable, what: "cannot read the file", place: source)
      }
      let target = output + "/" + name
      do throws(FileError) {
        try AtomicFile.write(to: target) { (file) throws(FileError) in
          try file.append(Array(content))
        }
      } catch { throw FormatError(error) }
    }
  }
}

extension ConversionType {
  /// The type of a tensor of a GGUF file by its name.
  func type(named name: String, shape: [Int]) -> GGUFTensorType {
    guard shape.count >= 2, name.hasSuffix(".weight"), name != "position_embd.weight",
      !name.contains("ffn_gate_inp"), let width = shape.last
    else { return .elements(.float32) }
    return type(
      width: width, isTable: name == "token_embd.weight" || name == "output.weight")
  }
}
