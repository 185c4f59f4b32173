import Synchronization

/// Where a tape knows a tensor.
package struct Trace: Sendable {
  package let tape: Tape
  package let index: Int
}

/// A record of operations from which gradients are computed, backwards.
///
/// Every operation of the package knows its own backward function; while one of its inputs carries
/// a trace, it writes that function on the tape. Nothing is written, and nothing allocated for it,
/// when no input does, so the same forward code serves inference and training.
///
///     let tape = Tape()
///     let w = tape.watch(weights)
///     let loss = (x.matrixProduct(w) - y).squared().mean()
///     let gradient = tape.gradients(of: loss, for: [w])[0]
///
/// The entries are visited in the reverse of the order of their recording, so gradients are summed
/// in one fixed order and have the same bits every time.
public final class Tape: Sendable {
  /// From the gradient of an operation's output to those of its inputs; nil where an input does
  /// not need one.
  package typealias Backward = @Sendable (_ gradient: Tensor) -> [Tensor?]

  private struct Entry: Sendable {
    /// Indices of the inputs on the tape; -1 for a constant.
    var inputs: [Int]
    var backward: Way?
  }

  /// How a gradient goes back through an operation.
  private enum Way: Sendable {
    case function(Backward)
    /// The output is a part of its one input.
    case slice(GradientSum.Slice)
  }

  private let entries = Mutex<[Entry]>([])

  /// An empty tape.
  public init() {}

  /// `tensor`, from now on followed by this tape.
  public func watch(_ tensor: Tensor) -> Tensor {
    append(tensor, Entry(inputs: [], backward: nil))
  }

  /// The tape that follows one of `tensors`; nil when none is followed.
  package static func recording(_ tensors: Tensor?...) -> Tape? {
    for case let tensor? in tensors { if let trace = tensor.trace { return trace.tape } }
    return nil
  }

  /// Writes an operation: `output` came from `inputs`, `backward` goes the other way.
  package func record(
    _ output: Tensor, from inputs: [Tensor], backward: @escaping Backward
  ) -> Tensor {
    let indices = inputs.map { input -> Int in
      guard let trace = input.trace else { return -1 }
      precondition(trace.tape === self, "Tape: inputs of one operation belong to two tapes")
      return trace.index
    }
    return append(output, Entry(inputs: indices, backward: .function(backward)))
  }

  /// Writes a slice: `output` is a part of `input`.
  func record(_ output: Tensor, slicedFrom input: Tensor, _ slice: GradientSum.Slice) -> Tensor {
    append(output, Entry(inputs: [input.trace?.index ?? -1], backward: .slice(slice)))
  }

  private func append(_ tensor: Tensor, _ entry: Entry) -> Tensor {
    var result = tensor
    let index = entries.withLock { entries in
      entries.append(entry)
      return entries.count - 1
    }
    result.trace = Trace(tape: self, index: index)
    return result
  }

  /// Gradients of `output` for each of `inputs`; zeros where it does not depend on one.
  ///
  /// The tape is used up: what the operations kept is freed as the walk passes them.
  ///
  /// - Parameters:
  ///   - output: a tensor that this tape followed.
  ///   - inputs: tensors that this tape watched or recorded.
  ///   - seed: the gradient of `output` itself; ones when nil.
  public func gradients(of output: Tensor, for inputs: [Tensor], seed: Tensor? = nil) -> [Tensor] {
    guard let trace = output.trace, trace.tape === self else {
      return inputs.map { Tensor(zeros: $0.shape, $0.elementType) }
    }
    var sums: [Int: GradientSum] = [
      trace.index: GradientSum(seed ?? Tensor.ones(like: output.detached()), nil)
    ]
    let wanted = Set(inputs.compactMap { $0.trace?.index })
    for index in stride(from: trace.index, through: 0, by: -1) {
      let entry = entries.withLock { entries -> Entry in
        let entry = entries[index]
        entries[index].backward = nil
        return entry
      }
      guard let backward = entry.backward else { continue }
      guard let gradient = Self.gradient(at: index, of: &sums, keeping: wanted) else { continue }
      switch backward {
      case .function(let backward):
        let parts = backward(gradient)
        precondition(parts.count == entry.inputs.count, "Tape: one gradient for each input")
        for (input, part) in zip(entry.inputs, parts) where input >= 0 {
          if let part { Self.add(part, nil, at: input, of: &sums) }
        }
      case .slice(let slice): Self.add(gradient, slice, at: entry.inputs[0], of: &sums)
      }
    }
    return inputs.map { input in
      guard let index = input.trace?.index, let sum = sums[index] else {
        return Tensor(zeros: input.shape, input.elementType)
      }
      return sum.total
    }
  }

  /// Adds a gradient of entry `index`, or of a slice of it.
  private static func add(
    _ part: Tensor, _ slice: GradientSum.Slice?, at index: Int, of sums: inout [Int: GradientSum]
  ) {
    // Taken out, so that what is summed so far is changed in place.
    guard var sum = sums.removeValue(forKey: index) else {
      sums[index] = GradientSum(part, slice)
      return
    }
    sum.add(part, slice)
    sums[index] = sum
  }

  /// The finished gradient of entry `index`, which stays among `sums` only where it is wanted.
  private static func gradient(
    at index: Int, of sums: inout [Int: GradientSum], keeping wanted: Set<Int>
  ) -> Tensor? {
    wanted.contains(index) ? sums[index]?.total : sums.removeValue(forKey: index)?.total
  }
}
