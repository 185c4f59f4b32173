public import HeedFormats
public import HeedTensor

extension LanguageModel {
  /// A model as it is published: a folder, a GGUF file or a llama2.c file.
  ///
  /// Files are mapped. Weights in blocks stay blocks; others are packed in the precision of products,
  /// and what was packed leaves memory.
  ///
  /// - Parameters:
  ///   - path: a folder with `config.json` and safetensors, a `.gguf` or a `.bin` file.
  ///   - precision: of products; nil takes bfloat16 where most weights of the matrices are that, and
  ///     float32 otherwise, which changes no weight of the file.
  ///   - quantization: blocks of 32 (`q8_0`, `q5_1`, `q5_0`, `q4_1`, `q4_0`), which matrices that are numbers
  ///     become.
  /// - Throws: `FormatError`, for an unknown family, a config or weights that do not fit.
  public init(
    path: String, registry: FamilyRegistry = .standard, packed: Bool = true,
    precision: ProductPrecision? = .float32, quantization: BlockType? = nil
  ) throws(FormatError) {
    let published = try PublishedModel(path: path, registry: registry)
    let binding = try published.map.binding(of: published.spec, to: published.weights)
    let stored = try StoredParameters(binding.names, of: published.weights)
    self.init(
      spec: published.spec, binding: binding, parameters: stored.tensors,
      blockParameters: stored.blocks, packed: packed,
      precision: precision ?? Self.precision(of: stored.tensors, stored.blocks),
      quantization: quantization)
  }

  /// The precision of products that keeps the weights of a file as they are.
  private static func precision(
    of parameters: [String: Tensor], _ blocks: [String: BlockTensor]
  ) -> ProductPrecision {
    let matrices = parameters.values.filter { $0.rank > 1 }
    let halves = matrices.reduce(0) { $0 + ($1.elementType == .bfloat16 ? $1.count : 0) }
    let all =
      matrices.reduce(0) { $0 + $1.count }
      + blocks.values.reduce(0) { $0 + $1.shape.reduce(1, *) }
    return 2 * halves > all ? .bfloat16 : .float32
  }

  /// A model as it is published: a folder with `config.json` and safetensors.
  ///
  /// End tokens come from `generation_config.json` where there is one that names some.
  ///
  /// - Throws: `FormatError`, for an unknown family, a config or weights that do not fit.
  public init(
    folder: String, registry: FamilyRegistry = .standard, packed: Bool = true,
    precision: ProductPrecision = .float32
  ) throws(FormatError) {
    try self.init(path: folder, registry: registry, packed: packed, precision: precision)
  }
}

extension TensorSource {
  /// A tensor that is to be a weight.
  ///
  /// - Throws: `FormatError`, also when it is made of whole numbers, as some quantised models have it.
  func floatingPointTensor(named name: String) throws(FormatError) -> Tensor {
    let tensor = try tensor(named: name)
    guard tensor.elementType.isFloatingPoint else {
      throw FormatError(
        .unsupported, what: "the weight \"\(name)\" is of type \(tensor.elementType)", place: place,
        expected: "floating-point numbers, or blocks of a GGUF file")
    }
    return tensor
  }
}

/// What a model is and where its weights lie, before any of them is read.
package struct PublishedModel {
  /// What the model is.
  package let spec: ModelSpec
  /// The config as a Hugging Face folder has it, as far as it is known.
  package let config: JSONValue
  /// The names of the weights.
  let map: WeightMap
  /// The weights.
  package let weights: any TensorSource

  /// Opens what lies at `path`; the ending says what it is.
  package init(path: String, registry: FamilyRegistry = .standard) throws(FormatError) {
    if path.hasSuffix(".gguf") {
      try self.init(gguf: GGUFFile(path: path), registry: registry)
    } else if path.hasSuffix(".bin") {
      try self.init(llama2c: Llama2CFile(path: path), registry: registry)
    } else {
      try self.init(folder: ModelFolder(path: path), registry: registry)
    }
  }

  private init(folder: ModelFolder, registry: FamilyRegistry) throws(FormatError) {
    config = folder.config
    let family = try registry.family(for: config, place: folder.path)
    var spec = try family.spec(config, folder.path + "/config.json")
    if let generation = folder.generationConfig {
      let place = folder.path + "/generation_config.json"
      let tokens = try ConfigReader(generation, place: place).tokens("eos_token_id")
      if !tokens.isEmpty { spec.endTokens = tokens }
    }
    self.spec = spec
    map = family.weights(spec)
    weights = folder.weights
  }

  private init(gguf file: GGUFFile, registry: FamilyRegistry) throws(FormatError) {
    let architecture = try GGUFArchitecture.of(file)
    config = try architecture.config(of: file)
    let family = try registry.family(for: config, place: file.path)
    do throws(FormatError) {
      spec = architecture.adapted(try family.spec(config, file.path))
    } catch { throw architecture.inWordsOfFile(error) }
    map = architecture.weights(
      of: spec, hasExpertsApart: file.knownShape(GGUFArchitecture.firstExpert) != nil)
    weights = architecture.opens(file)
  }

  private init(llama2c file: Llama2CFile, registry: FamilyRegistry) throws(FormatError) {
    config = [
      "model_type": .string(GGUFArchitecture.llama.modelType),
      "architectures": [.string(GGUFArchitecture.llama.className)],
      "hidden_size": .integer(file.width),
      "intermediate_size": .integer(file.hiddenWidth),
      "num_hidden_layers": .integer(file.layerCount),
      "num_attention_heads": .integer(file.headCount),
      "num_key_value_heads": .integer(file.keyValueHeadCount),
      "vocab_size": .integer(file.vocabularySize),
      "max_position_embeddings": .integer(file.contextLength), "rms_norm_eps": 1e-5,
      "rope_theta": 10_000, "tie_word_embeddings": .bool(file.isHeadTied),
      "bos_token_id": 1, "eos_token_id": .array([1, 2]),
    ]
    let family = try registry.family(for: config, place: file.path)
    spec = try family.spec(config, file.path)
    map = GGUFArchitecture.llama.weights(of: spec)
    weights = file
  }
}
