import HeedFormats
import HeedText

/// What the tokens of a recipe are.
public enum RecipeVocabulary: Sendable, Hashable {
  /// One for each different character of the texts.
  case characters
  /// Pieces of words, learnt from the training texts (`BPETrainer`): `size` of them, with all bytes
  /// among them, so that every text can be written; the first is `endOfText`, which stands in the
  /// texts between one and the next, and ends what is generated.
  case bytePairs(size: Int, endOfText: String)

  /// The members of `config.json` that the texts give, whatever a recipe says.
  var givenMembers: [String] {
    switch self {
    case .characters: ["vocab_size"]
    case .bytePairs: ["vocab_size", "eos_token_id"]
    }
  }

  /// A tokenizer as a model folder holds it.
  struct Learned {
    let tokenizer: any Tokenizer
    /// File names and contents.
    let files: [(name: String, json: JSONValue)]
    /// What it adds to `config.json`.
    let config: [(key: String, value: JSONValue)]
  }

  /// The tokenizer for some texts.
  func learned(from corpus: TextCorpus) throws -> Learned {
    switch self {
    case .characters:
      let tokenizer = CharacterTokenizer(
        charactersOf: (corpus.training + corpus.validation).joined())
      return Learned(
        tokenizer: tokenizer, files: [("tokenizer.json", tokenizer.json)],
        config: [("vocab_size", .integer(tokenizer.vocabularySize))])
    case .bytePairs(let size, let endOfText):
      var trainer = try BPETrainer(vocabularySize: size, specialTokens: [endOfText])
      for text in corpus.training { try trainer.add(text) }
      let json = trainer.trained()
      let tokenizer = try PipelineTokenizer(json: json, place: "the learnt vocabulary")
      let roles: JSONValue = [
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": .string(endOfText),
      ]
      return Learned(
        tokenizer: tokenizer, files: [("tokenizer.json", json), ("tokenizer_config.json", roles)],
        config: [("vocab_size", .integer(tokenizer.vocabularySize)), ("eos_token_id", 0)])
    }
  }
}
