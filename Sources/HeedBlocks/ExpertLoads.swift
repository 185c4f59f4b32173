import Synchronization

/// How many tokens the router of each block has given to each expert, over all passes that are told of it.
public final class ExpertLoads: Sendable {
  private let blocks = Mutex<[Int: [Int]]>([:])

  /// No tokens yet.
  public init() {}

  /// The tokens of each expert of block `layer`; nil where no pass went through experts.
  public func counts(ofBlock layer: Int) -> [Int]? { blocks.withLock { $0[layer] } }

  func add(_ counts: [Int], layer: Int) {
    blocks.withLock { blocks in
      blocks[layer] = blocks[layer].map { zip($0, counts).map(+) } ?? counts
    }
  }
}
