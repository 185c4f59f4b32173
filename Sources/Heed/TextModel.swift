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

  /// Bits that the model needs for each character of `text`, and nats for each token.
  ///
  /// The text is cut into windows of the context length; each token but the first of a window is
  /// predicted from those before it in the window.
  public func evaluate(_ text: String) throws -> Evaluation {
    let ids = try tokenizer.encode(text)
    guard ids.count > 1 else { throw TokenizerError("the text is too short to evaluate") }
    let window = model.spec.contextLength
    var sum = 0.0
    var count = 0
    for start in stride(from: 0, to: ids.count - 1, by: window) {
      let end = min(start + window, ids.count - 1)
      let input = Array(ids[start..<end])
      let loss: Float = model.loss([input], targets: [Array(ids[start + 1...end])]).item()
      sum += Double(loss) * Double(input.count)
      count += input.count
    }
    return Evaluation(loss: sum / Double(count), tokens: count)
  }

  /// How well a model predicts a text.
  public struct Evaluation: Sendable, Hashable {
    /// Mean cross entropy in nats for each token.
    public let loss: Double
    /// How many tokens were predicted.
    public let tokens: Int
    /// Bits for each token.
    public var bitsPerToken: Double { loss / 0.6931471805599453 }
  }
}
