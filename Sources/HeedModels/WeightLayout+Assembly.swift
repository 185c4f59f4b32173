import HeedTensor

/// A weight and where it lies in a tensor of a file.
struct PlacedWeight {
  let layout: WeightLayout
  let weight: Tensor
}

extension WeightLayout {
  /// The tensor of a file from all the weights that lie in it: the way back of `weight(in:)`, which
  /// moves values and changes none.
  ///
  /// - Precondition: the weights fill the tensor, and their layouts begin with the same kind of step.
  static func fileTensor(of weights: [PlacedWeight]) -> Tensor {
    assembled(weights.map { (steps: $0.layout.steps[...], weight: $0.weight) })
  }

  private typealias Part = (steps: ArraySlice<Step>, weight: Tensor)

  /// The first step from the file was the last one towards it: what it took apart is assembled first.
  private static func assembled(_ parts: [Part]) -> Tensor {
    guard let step = parts.first?.steps.first else {
      precondition(parts.count == 1, "fileTensor: \(parts.count) weights in one place")
      return parts[0].weight
    }
    let members = Dictionary(grouping: parts) { $0.steps.first?.number ?? 0 }
      .sorted { $0.key < $1.key }
      .map { assembled($0.value.map { (steps: $0.steps.dropFirst(), weight: $0.weight) }) }
    precondition(
      members.count == step.count,
      "fileTensor: \(members.count) of \(step.count) parts of a tensor")
    let first = members[0]
    let rows = first.shape.first ?? 0
    let rest = Array(first.shape.dropFirst())
    let order = rest.indices.map { $0 + 3 }
    switch step {
    case .transposed: return first.rank < 2 ? first : first.transposed()
    case .vector: return first.reshaped(to: [first.count])
    case .entry: return Tensor(stacking: members, alongAxis: 0)
    case .part: return Tensor(concatenating: members, alongAxis: 0)
    case .every:
      return Tensor(stacking: members, alongAxis: 1)  // [rows, step, ..]
        .reshaped(to: [rows * members.count] + rest)  // [rows step, ..]
    case .neighbours(let width):
      return first.reshaped(to: [rows / width, 2, width / 2] + rest)  // [H, 2, D / 2, ..]
        .transposed(permutation: [0, 2, 1] + order).reshaped(to: [rows] + rest)  // [H D, ..]
    case .heads(let width, let parts):
      return first.reshaped(to: [parts, rows / (parts * width), width] + rest)  // [3, H, D, ..]
        .transposed(permutation: [1, 0, 2] + order).reshaped(to: [rows] + rest)  // [3 H D, ..]
    }
  }
}

extension WeightLayout.Step {
  /// Which of the parts that the step tells apart this one is.
  fileprivate var number: Int {
    switch self {
    case .entry(let number, _): number ?? 0
    case .part(let number, _), .every(_, let number): number
    case .transposed, .vector, .heads, .neighbours: 0
    }
  }

  /// How many parts the step tells apart.
  fileprivate var count: Int {
    switch self {
    case .entry(_, let count), .part(_, let count), .every(let count, _): count
    case .transposed, .vector, .heads, .neighbours: 1
    }
  }
}
