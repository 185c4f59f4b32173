/// A piece of a text as it comes.
public struct TextPiece: Sendable, Hashable {
  /// Which text: those of one prompt follow each other.
  public var row: Int
  /// Text; empty while the beginning of a stop, or half a character, is held back.
  public var text: String
  /// The tokens that became certain with it, with log-probabilities where the settings ask for them.
  public var tokens: [GeneratedToken]
  /// Why the text ended, in its last piece; nil before.
  public var finish: FinishReason?
}

/// The pieces of one text, made as they are asked for: nobody waits, nothing piles up, and a reader that
/// takes its time holds the model back.
///
///     for await piece in try model.pieces("Once", settings: settings) {
///       print(piece.text, terminator: "")
///       if let finish = piece.finish { print("\n[\(finish)]") }
///     }
///
/// The work is done by the reader's task, away from its actor and on threads beside those of Swift's tasks,
/// so that other tasks go on. A cancelled task gets no more pieces, also
/// in the middle of a long prompt; the last one then says no reason. Each iteration makes the text anew.
public struct TextPieces: AsyncSequence, Sendable {
  let generator: TextGenerator

  /// Makes the pieces.
  public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
    var generator: TextGenerator

    /// The next piece; nil at the end and for a cancelled task.
    public mutating func next() async -> TextPiece? {
      while !Task.isCancelled, let piece = await madeElsewhere() {
        if !piece.text.isEmpty || !piece.tokens.isEmpty || piece.finish != nil { return piece }
      }
      return nil
    }

    private mutating func madeElsewhere() async -> TextPiece? {
      await withTaskExecutorPreference(GenerationExecutor.shared) { generator.nextPiece() }
    }
  }

  /// A text from its beginning.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(generator: generator) }
}

/// The text of `TextPieces` alone: pieces that are never empty.
public struct TextStream: AsyncSequence, Sendable {
  let pieces: TextPieces

  /// Makes the text.
  public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
    var pieces: TextPieces.AsyncIterator

    /// The next piece of text; nil at the end and for a cancelled task.
    public mutating func next() async -> String? {
      while let piece = await pieces.next() {
        if !piece.text.isEmpty { return piece.text }
      }
      return nil
    }
  }

  /// A text from its beginning.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(pieces: pieces.makeAsyncIterator())
  }
}
