// A prompt is read in slices: between two of them a task may be cancelled, and what a pass needs beside
// the caches (a row of the hidden width for each token, and of the vocabulary where hidden states are
// asked for) stays small. The bits are those of one piece.

/// What a model remembers of tokens that it has read.
public struct PromptMemory<State: StepState>: Sendable {
  /// Its state behind them.
  public var state: State
  /// The last hidden state of each, where contrastive search asked for them; `[count][E]`.
  public var hidden: [[Float]]

  /// What is remembered.
  public init(state: State, hidden: [[Float]] = []) {
    self.state = state
    self.hidden = hidden
  }
}

/// A prompt that is being read.
struct PromptReading<Model: StepModel>: Sendable {
  private let model: Model
  private let tokens: [Int]
  private let wantsHidden: Bool
  private(set) var memory: PromptMemory<Model.State>

  /// The most tokens of one pass: enough to keep a machine busy.
  static var sliceLength: Int { 256 }

  /// - Parameters:
  ///   - known: what is remembered of a beginning of `tokens`.
  ///   - wantsHidden: whether the last hidden states are remembered too.
  init(
    _ model: Model, _ tokens: [Int], known: PromptMemory<Model.State>, wantsHidden: Bool
  ) {
    self.model = model
    self.tokens = tokens
    self.wantsHidden = wantsHidden
    memory = known
  }

  var isDone: Bool { memory.state.count >= tokens.count }

  /// Reads the next tokens, up to `limit`.
  ///
  /// - Returns: how many.
  @discardableResult
  mutating func readSlice(limit: Int = Self.sliceLength) -> Int {
    let begin = memory.state.count
    let slice = Array(tokens[begin..<min(tokens.count, begin + limit)])
    guard !slice.isEmpty else { return 0 }
    var states = [memory.state]
    let hidden = memory.hidden
    memory = PromptMemory(state: model.start(0))  // so that caches grow in place
    let scores = model.read([slice], states: &states, wanted: [1], wantsHidden: wantsHidden)
    memory = PromptMemory(state: states[0], hidden: hidden + scores[0].hidden)
    return slice.count
  }
}
