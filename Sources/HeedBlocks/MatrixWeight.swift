public import HeedTensor

/// The weight of a linear layer as a file gives it: numbers, or blocks of small ones.
public enum MatrixWeight: Sendable {
  /// `[N, K]`, of any floating-point type.
  case dense(Tensor)
  /// `[N, K]` in blocks.
  case blocks(BlockTensor)

  /// `[N, K]`.
  public var shape: [Int] {
    switch self {
    case .dense(let tensor): tensor.shape
    case .blocks(let blocks): blocks.shape
    }
  }

  /// The numbers: those of a file in half precision as they are, blocks as `float32`.
  public var tensor: Tensor {
    switch self {
    case .dense(let tensor): tensor
    case .blocks(let blocks): blocks.dequantized()
    }
  }

  /// Rows by number, in the precision of mathematics: an embedding table, of which only what is asked
  /// for leaves the file.
  public func gathered(atIndices indices: [Int]) -> Tensor {
    switch self {
    case .dense(let tensor): tensor.gathered(atIndices: indices).forMathematics()
    case .blocks(let blocks): blocks.gathered(atIndices: indices)
    }
  }

  /// Whether the two can lie below each other: numbers of one type, or blocks of one type.
  func isAlike(_ other: MatrixWeight) -> Bool {
    switch (self, other) {
    case (.dense(let one), .dense(let other)): one.elementType == other.elementType
    case (.blocks(let one), .blocks(let other)): one.type == other.type
    default: false
    }
  }

  /// The matrices below each other; one alone as it is.
  ///
  /// - Precondition: all are alike.
  static func joining(_ parts: [MatrixWeight]) -> MatrixWeight {
    precondition(
      !parts.isEmpty && parts.allSatisfy { $0.isAlike(parts[0]) },
      "MatrixWeight.joining: \(parts.map(\.shape)) are not of one kind")
    guard parts.count > 1 else { return parts[0] }
    let tensors = parts.map { part in
      switch part {
      case .dense(let tensor): tensor
      case .blocks(let blocks): blocks.bytes
      }
    }
    let joined = Tensor(concatenating: tensors, alongAxis: 0)
    if case .blocks(let first) = parts[0] { return .blocks(BlockTensor(first.type, bytes: joined)) }
    return .dense(joined)
  }

  /// The same, read and not mapped: the system maps 64 KB around a row that is looked at, and 2 MB where it
  /// keeps the file in large pages. For a table of which nothing but rows is read.
  package func gatheredFromFile(atIndices indices: [Int]) -> Tensor {
    switch self {
    case .dense(let tensor): tensor.gatheredFromFile(atIndices: indices).forMathematics()
    case .blocks(let blocks):
      BlockTensor(blocks.type, bytes: blocks.bytes.gatheredFromFile(atIndices: indices))
        .dequantized()
    }
  }

  /// Lets go of the pages of the file after packing.
  func releasePages() {
    switch self {
    case .dense(let tensor): tensor.releasePages()
    case .blocks(let blocks): blocks.bytes.releasePages()
    }
  }
}

extension Tensor {
  /// `float32` or `float64`: half precision is converted.
  package func forMathematics() -> Tensor {
    elementType == .float32 || elementType == .float64 ? self : converted(to: .float32)
  }
}

/// Is told what a linear layer multiplies the weight of a slot by, `[.., K]`, whenever it does. It changes no
/// bit of the result.
public typealias InputWatch = @Sendable (_ path: String, _ layer: Int?, _ input: Tensor) -> Void

/// Gives each slot its weight, already checked (names and shapes) by whoever made it.
public struct WeightLookup {
  private let weight: (_ path: String, _ layer: Int?) -> MatrixWeight
  private let watch: InputWatch?

  /// A lookup among tensors.
  public init(_ tensor: @escaping (_ path: String, _ layer: Int?) -> Tensor) {
    self.init(weights: { .dense(tensor($0, $1)) })
  }

  /// A lookup among tensors and blocks.
  ///
  /// - Parameter watch: is told what the linear layers read that are made of these weights without packing.
  public init(
    weights: @escaping (_ path: String, _ layer: Int?) -> MatrixWeight, watch: InputWatch? = nil
  ) {
    weight = weights
    self.watch = watch
  }

  /// The weight of a slot as numbers.
  public func callAsFunction(_ path: String, _ layer: Int?) -> Tensor {
    weight(path, layer).tensor.smallFromFile().forMathematics()
  }

  /// The weight of a linear layer, as it is kept.
  public func matrix(_ path: String, _ layer: Int?) -> MatrixWeight { weight(path, layer) }

  /// Who is told what the weight of a slot is multiplied by.
  func watch(of path: String, _ layer: Int?) -> (@Sendable (Tensor) -> Void)? {
    guard let watch else { return nil }
    return { watch(path, layer, $0) }
  }
}

extension MatrixWeight {
  /// A matrix of numbers as blocks of `type`, where its rows are whole blocks and no tape follows it;
  /// everything else as it is.
  package func quantized(to type: BlockType?) -> MatrixWeight {
    guard let type, case .dense(let tensor) = self, tensor.rank == 2, tensor.trace == nil,
      tensor.elementType.isFloatingPoint, tensor.shape[1] % type.blockWidth == 0
    else { return self }
    return .blocks(BlockTensor(quantizing: tensor, as: type))
  }
}
