// What the generation loop knows of a model: it reads tokens behind sequences and says what may come
// next. A sequence is a value, its state: copying one is a fork (of a beam, or of a prompt that
// several texts begin with), and it can be taken back to an earlier place (when guesses were wrong).
// So there are no operations for reordering rows of a batch; an array of states is the batch.
//
// An encoder-decoder fits without a change to the loop: its `start(source)` gives a state that holds
// what the decoder sees of that source, and its prompt is the decoder's first tokens.

/// A model that reads sequences token by token.
public protocol StepModel: Sendable {
  /// What is remembered of one sequence.
  associatedtype State: StepState

  /// How many scores it gives.
  var vocabularySize: Int { get }

  /// The most tokens that a sequence may have.
  var contextLength: Int { get }

  /// The state before the first token of a sequence.
  ///
  /// - Parameter source: which of the sources that an encoder has read; decoders do not look at it.
  func start(_ source: Int) -> State

  /// Reads more tokens of several sequences.
  ///
  /// The scores must be a function of the sequence alone: neither the other rows nor the pieces in
  /// which a sequence was read may change a bit.
  ///
  /// - Parameters:
  ///   - tokens: at least one for each row.
  ///   - states: of each row; they stand behind the new tokens afterwards.
  ///   - wanted: of each row, for how many of its latest tokens scores are asked.
  ///   - wantsHidden: whether the last hidden state of each new token is asked for.
  func read(
    _ tokens: [[Int]], states: inout [State], wanted: [Int], wantsHidden: Bool
  ) -> [StepScores]
}

/// What is remembered of one sequence: a value.
public protocol StepState: Sendable {
  /// Tokens that were read.
  var count: Int { get }

  /// Takes the sequence back to its first `count` tokens; false, and nothing done, when what is needed
  /// there is no longer known.
  mutating func truncate(to count: Int) -> Bool

  /// Says that about `count` tokens will be read in all, so that room for them may be made at once.
  mutating func expect(_ count: Int)
}

extension StepState {
  /// Does nothing.
  public mutating func expect(_ count: Int) {}
}

/// What a model says about one row.
public struct StepScores: Sendable {
  /// Logits behind each of the tokens that were asked for, the latest last; `[n][V]`.
  public var logits: [[Float]]
  /// The last hidden state of each token that was read, where asked for; `[T][E]`.
  public var hidden: [[Float]]

  /// Scores of a row.
  public init(logits: [[Float]], hidden: [[Float]] = []) {
    self.logits = logits
    self.hidden = hidden
  }
}
