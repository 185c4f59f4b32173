public import HeedFormats
import HeedTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// A folder as Hugging Face has them. Of a folder it is the same with another type of weights; of a single
// file it is made anew: the config and the names of weights are those of the model's family.

/// A file of a folder that is to be written.
public struct FolderFile: Sendable {
  /// Its name.
  public let name: String
  /// What it holds.
  public let content: JSONValue

  /// A file of a name and its content.
  public init(_ name: String, _ content: JSONValue) {
    self.name = name
    self.content = content
  }
}

extension ModelConversion {
  /// What is taken over from one folder to another: configs, and tokenizers of every kind.
  private static let companions = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "additional_chat_templates", "tokenizer.model",
    "spiece.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "vocab.json",
    "merges.txt", "vocab.txt",
  ]

  static func writeFolder(
    _ input: String, _ output: String, _ type: ConversionType, registry: FamilyRegistry,
    files: [FolderFile], _ progress: (ConversionProgress) throws(FormatError) -> Void
  ) throws(FormatError) -> [DamagedTensor] {
    guard let elementType = type.elementType else {
      throw FormatError(
        .unsupported, what: "safetensors files have no \(type.rawValue) blocks", place: output,
        expected: "f32, f16 or bf16", hint: "give the output a name that ends in .gguf")
    }
    let isFile = input.hasSuffix(".gguf") || input.hasSuffix(".bin")
    let source = isFile ? nil : try ModelFolder(path: input)
    let (tensors, documents) =
      if let source { (try tensors(of: source.weights, elementType), [FolderFile]()) } else {
        try parts(ofFile: input, elementType, registry)
      }
    let watch = WeightWatch()
    try StagedFolder.write(to: output) { folder throws(FormatError) in
      try SafetensorsFile.write(
        tensors: tensors.map(watch.watching), metadata: ["format": "pt"],
        to: folder + "/model.safetensors"
      ) { (written) throws(FormatError) in
        try progress(ConversionProgress(written: written, count: tensors.count))
      }
      for file in documents + files { try file.content.write(to: folder + "/" + file.name) }
      if let source { try StagedFolder.copy(companions, from: source.path, to: folder) }
    }
    return watch.damaged
  }

  private static func tensors(
    of weights: any TensorSource, _ elementType: ElementType
  ) throws(FormatError) -> [SafetensorsTensor] {
    var result: [SafetensorsTensor] = []
    for name in weights.tensorNames {
      // The tensor is a view of the file: asking for its type reads nothing.
      let tensor = try weights.tensor(named: name)
      let isNumber = tensor.elementType.isFloatingPoint
      result.append(
        SafetensorsTensor(
          name, shape: tensor.shape, type: isNumber ? elementType : tensor.elementType
        ) { () throws(FormatError) in try weights.tensor(named: name) })
    }
    return result
  }

  /// The weights and the configs that a folder of the model in a single file has.
  private static func parts(
    ofFile path: String, _ elementType: ElementType, _ registry: FamilyRegistry
  ) throws(FormatError) -> ([SafetensorsTensor], [FolderFile]) {
    let model = try PublishedModel(path: path, registry: registry)
    let family = try registry.family(for: model.config, place: path)
    let spec = try family.spec(model.config, path)
    let tensors = try model.tensors(named: family.weights(spec), of: spec).map { tensor in
      SafetensorsTensor(
        tensor.name, shape: tensor.shape, type: elementType, numbers: tensor.make)
    }
    var config = model.config.object ?? JSONObject()
    config["torch_dtype"] = .string("\(elementType)")
    var generation = JSONObject()
    for member in ["bos_token_id", "eos_token_id", "pad_token_id"] {
      generation[member] = config[member]
    }
    for (member, value) in try PublishedGeneration(path: path).members {
      generation[member] = value
    }
    return (
      tensors,
      [
        FolderFile("config.json", .object(config)),
        FolderFile("generation_config.json", .object(generation)),
      ]
    )
  }
}
