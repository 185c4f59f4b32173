import HeedTensor

/// How the weight of a slot lies in a file: the steps from the file's tensor to the weight.
///
///     .columns                              // [in, out] to [out, in]
///     .entry(of: 32).then(.columns)         // one expert of a stack, [in, out]
///         .then(.every(2, from: 1))         // whose rows alternate with those of another
public struct WeightLayout: Sendable, Hashable {
  /// One step from the file towards the weight.
  enum Step: Sendable, Hashable {
    case transposed
    case entry(Int?, of: Int)
    case part(Int, of: Int)
    case every(Int, from: Int)
    case heads(width: Int, parts: Int)
    case neighbours(width: Int)
    case vector
  }

  let steps: [Step]

  /// As it is: linear weights `[out, in]`.
  public static let rows = WeightLayout(steps: [])

  /// `[in, out]`, as TensorFlow and GPT-2 have it; a bias, of one axis, stays as it is.
  public static let columns = WeightLayout(steps: [.transposed])

  /// Part `index` of `count` equal parts that lie one after the other.
  public static func part(_ index: Int, of count: Int) -> WeightLayout {
    WeightLayout(steps: [.part(index, of: count)])
  }

  /// The rows `first`, `first + step`, ...
  public static func every(_ step: Int, from first: Int) -> WeightLayout {
    WeightLayout(steps: [.every(step, from: first)])
  }

  /// Queries, keys and values of head 0, then of head 1, ... (BLOOM, GPT-NeoX); `width` is that of a
  /// head.
  public static func headByHead(width: Int) -> WeightLayout {
    WeightLayout(steps: [.heads(width: width, parts: 3)])
  }

  /// Heads of `width` rows in which the two of a rotary pair are neighbours (GGUF files of Llama), for
  /// a weight that has them half a head apart.
  public static func neighbours(width: Int) -> WeightLayout {
    WeightLayout(steps: [.neighbours(width: width)])
  }

  /// A matrix of one row that a file has as a vector, or may have as the matrix.
  public static let vector = WeightLayout(steps: [.vector])

  /// One of `count` weights that are stacked along a first axis: the one whose number stands in the
  /// path of the slot.
  public static func entry(of count: Int) -> WeightLayout {
    WeightLayout(steps: [.entry(nil, of: count)])
  }

  /// This layout and then another one.
  public func then(_ other: WeightLayout) -> WeightLayout {
    WeightLayout(steps: steps + other.steps)
  }

  /// With the number of the slot put into the steps that ask for it.
  func numbered(_ number: Int?) -> WeightLayout {
    WeightLayout(
      steps: steps.map { step in
        if case .entry(nil, let count) = step { .entry(number, of: count) } else { step }
      })
  }

  /// The shape of the file's tensor for a weight of `shape`.
  func fileShape(of shape: [Int]) -> [Int] {
    steps.reversed().reduce(shape) { shape, step in
      switch step {
      case .transposed: Array(shape.reversed())
      case .entry(_, let count): [count] + shape
      case .part(_, let count), .every(let count, _):
        [count * (shape.first ?? 1)] + shape.dropFirst()
      case .vector: [shape.reduce(1, *)]
      case .heads, .neighbours: shape
      }
    }
  }

  /// Whether a tensor of `shape` may stand where one of `expected` belongs.
  func accepts(_ shape: [Int], insteadOf expected: [Int]) -> Bool {
    shape == expected || (steps == [.vector] && shape == [1] + expected)
  }

  /// The weight in the file's `tensor`, a view where that is possible; gradients flow back.
  ///
  /// - Precondition: the tensor has the file's shape, see `fileShape(of:)`.
  func weight(in tensor: Tensor) -> Tensor {
    steps.reduce(tensor) { tensor, step in
      let rows = tensor.shape.first ?? 0
      switch step {
      case .transposed:
        return tensor.rank < 2 ? tensor : tensor.transposed()
      case .vector:
        return tensor.reshaped(to: [1, tensor.count])
      case .entry(let index, _):
        return tensor.entry(index ?? 0, axis: 0)
      case .part(let index, let count):
        return tensor.split(count: count, alongAxis: 0)[index]
      case .every(let step, let first):
        let shape = tensor.shape.dropFirst()
        return tensor.reshaped(to: [rows / step, step] + shape).entry(first, axis: 1)
      case .heads(let width, let parts):
        let rest = Array(tensor.shape.dropFirst())
        let order = [1, 0, 2] + rest.indices.map { $0 + 3 }
        return tensor.reshaped(to: [rows / (parts * width), parts, width] + rest)  // [H, 3, D, ..]
          .transposed(permutation: order).reshaped(to: [rows] + rest)  // [3 H D, ..]
      case .neighbours(let width):
        let rest = Array(tensor.shape.dropFirst())
        let order = [0, 2, 1] + rest.indices.map { $0 + 3 }
        return tensor.reshaped(to: [rows / width, width / 2, 2] + rest)  // [H, D / 2, 2, ..]
          .transposed(permutation: order).reshaped(to: [rows] + rest)  // [H D, ..]
      }
    }
  }
}
