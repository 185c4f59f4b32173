public import HeedFormats
public import HeedModels
public import HeedTensor
public import HeedText

/// A language model with its tokenizer.
public struct TextModel: Sendable {
  /// Where it came from, for people.
  public let name: String
  /// The model.
  public let model: LanguageModel
  /// Its tokenizer.
  public let tokenizer: any Tokenizer
  /// How keys and values of the texts that it reads are kept: float32, bfloat16 or int8.
  public let cacheType: ElementType
  /// What its copies find out once.
  let facts = ModelFacts()

  /// A model and its tokenizer.
  ///
  /// - Parameter cacheType: float32, bfloat16 or int8; the precision of products when nil.
  public init(
    name: String, model: LanguageModel, tokenizer: any Tokenizer, cacheType: ElementType? = nil
  ) {
    self.name = name
    self.model = model
    self.tokenizer = tokenizer
    self.cacheType = cacheType ?? (model.precision == .bfloat16 ? .bfloat16 : .float32)
  }

  /// A model that ships with the package, by its name, a folder, a GGUF file, or a llama2.c file or
  /// a GGUF file without a tokenizer that has one beside it.
  ///
  /// Left alone, no weight of the file changes: bfloat16 weights are multiplied as bfloat16, in half of
  /// the memory, which rounds what they are multiplied by; float32 and float16 weights as float32; and
  /// blocks of small weights stay blocks. What is chosen depends on the file, never on the machine.
  ///
  /// - Parameters:
  ///   - precision: of products; what the weights are when nil.
  ///   - quantization: `q8_0` or `q4_0`: makes blocks of matrices that are numbers.
  ///   - cacheType: how keys and values are kept: float32, bfloat16, or int8 with a scale for each row;
  ///     the precision of products when nil.
  ///   - registry: the families that are known.
  /// - Throws: `FormatError` that says what is known when there is neither.
  public init(
    _ nameOrFolder: String, precision: ProductPrecision? = nil, quantization: BlockType? = nil,
    cacheType: ElementType? = nil, registry: FamilyRegistry = .standard
  ) throws(FormatError) {
    let folder = try ShippedModel.place(of: nameOrFolder)
    // A tokenizer is read on one thread, for as long as the weights are packed on all.
    let (model, tokenizer) = try alongside {
      () throws(FormatError) in
      try Self.tokenizer(nameOrFolder)
    } while: {
      () throws(FormatError) in
      try LanguageModel(
        path: folder, registry: registry, precision: precision, quantization: quantization)
    }
    guard tokenizer.vocabularySize <= model.spec.vocabularySize else {
      throw FormatError(
        .inconsistent,
        what: "the tokenizer has \(tokenizer.vocabularySize) ids, the model "
          + "\(model.spec.vocabularySize)", place: folder)
    }
    self.init(name: nameOrFolder, model: model, tokenizer: tokenizer, cacheType: cacheType)
  }

  /// What the generation loop reads with.
  var steps: DecoderSteps { DecoderSteps(model, cacheType: cacheType) }

  /// The tokenizer of a model, without its weights.
  ///
  /// - Throws: `FormatError` when there is none.
  public static func tokenizer(_ nameOrFolder: String) throws(FormatError) -> any Tokenizer {
    let place = try ShippedModel.place(of: nameOrFolder)
    if place.hasSuffix(".gguf") {
      let file = try GGUFFile(path: place)
      if GGUFTokenizer.isPresent(in: file) { return try GGUFTokenizer.tokenizer(of: file) }
    }
    // The tokenizer of other single files lies beside them.
    guard place.hasSuffix(".gguf") || place.hasSuffix(".bin") else {
      return try TokenizerFolder.tokenizer(at: place)
    }
    let parts = place.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return try TokenizerFolder.tokenizer(at: parts.isEmpty ? "." : parts.joined(separator: "/"))
  }

  /// How conversations become prompts of a model: what its folder or its GGUF file says, or plain.
  ///
  /// - Throws: `FormatError` for a file that cannot be read, `TemplateError` for a template that cannot.
  public static func chatFormat(_ nameOrFolder: String) throws -> ChatFormat {
    let place = try ShippedModel.place(of: nameOrFolder)
    guard place.hasSuffix(".gguf") else { return try ChatFormat(folder: place) }
    return try ChatFormat(GGUFFile(path: place), tokenizer(nameOrFolder))
  }
}
