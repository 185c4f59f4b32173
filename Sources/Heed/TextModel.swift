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

  /// A model and its tokenizer.
  public init(name: String, model: LanguageModel, tokenizer: any Tokenizer) {
    self.name = name
    self.model = model
    self.tokenizer = tokenizer
  }

  /// A model that ships with the package, by its name, or a folder.
  ///
  /// - Throws: `FormatError` that says what is known when there is neither.
  public init(
    _ nameOrFolder: String, precision: ProductPrecision = .float32
  ) throws(FormatError) {
    let folder = ShippedModel.named(nameOrFolder)?.folder ?? nameOrFolder
    let model = try LanguageModel(folder: folder, precision: precision)
    let tokenizer = try TokenizerFolder.tokenizer(at: folder)
    guard tokenizer.vocabularySize <= model.spec.vocabularySize else {
      throw FormatError(
        .inconsistent,
        what: "the tokenizer has \(tokenizer.vocabularySize) ids, the model "
          + "\(model.spec.vocabularySize)", place: folder)
    }
    self.init(name: nameOrFolder, model: model, tokenizer: tokenizer)
  }
}
