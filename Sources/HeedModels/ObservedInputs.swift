package import HeedTensor
import Synchronization

/// How a matrix is to be rounded.
package enum Rounding: Sendable {
  /// With the moments of its inputs.
  case compensating(ErrorCompensation)
  /// Without, for this reason.
  case plain(UncalibratedMatrices.Reason)
}

/// The moments of what the linear layers of one block read. Layers that read the same, for blocks of the same
/// width, have them once.
package final class ObservedInputs: Sendable {
  private enum Known {
    case moments(InputMoments)
    case rounding(Rounding)
  }

  private struct State {
    var inputs: [Known] = []
    /// Which of the inputs a weight is multiplied by.
    var places: [String: Int] = [:]
    /// What was seen of this window, so that the same input is known again.
    var seen: [(tensor: Tensor, blockWidth: Int, place: Int)] = []
    var byteCount = 0
  }

  private let state = Mutex(State())
  private let wanted: [String: Int]
  private let mostBytes: Int

  /// The inputs of some weights.
  ///
  /// - Parameters:
  ///   - wanted: the paths of their slots, and how wide the blocks are that each becomes.
  ///   - mostBytes: of all moments together.
  package init(of wanted: [String: Int], mostBytes: Int) {
    self.wanted = wanted
    self.mostBytes = mostBytes
  }

  /// Adds what the weight at `path` is multiplied by.
  package func add(_ input: Tensor, to path: String) {
    guard let blockWidth = wanted[path] else { return }
    state.withLock { state in
      let same = state.seen.first {
        $0.blockWidth == blockWidth && $0.tensor.isSame(as: input)
      }?.place
      let place = state.places[path] ?? same ?? state.inputs.count
      state.places[path] = place
      if same != nil { return }
      state.seen.append((input, blockWidth, place))
      if place == state.inputs.count {
        let width = input.shape.last ?? 0
        state.byteCount += width * width * 4
        state.inputs.append(
          state.byteCount > mostBytes
            ? .rounding(.plain(.memory)) : .moments(InputMoments(width: width)))
      }
      guard case .moments(var moments) = state.inputs[place] else { return }
      state.inputs[place] = .rounding(.plain(.notRead))  // the sums are changed where they lie
      moments.add(input)
      state.inputs[place] = .moments(moments)
    }
  }

  /// Lets go of the inputs of one window.
  package func endWindow() { state.withLock { $0.seen = [] } }

  /// How the weight at `path` is to be rounded; the moments of its inputs are taken apart once.
  ///
  /// - Parameter step: called while that takes its time; what it throws ends it.
  package func rounding<Failure: Error>(
    of path: String, step: () throws(Failure) -> Void
  ) throws(Failure) -> Rounding {
    try state.withLock { (state) throws(Failure) in
      guard let place = state.places[path], let blockWidth = wanted[path] else {
        return .plain(.notRead)
      }
      switch state.inputs[place] {
      case .rounding(let rounding): return rounding
      case .moments(let moments):
        let rounding: Rounding =
          if moments.rowCount < moments.width {
            .plain(.fewInputs)
          } else {
            try ErrorCompensation(moments, blockWidth: blockWidth, step: step)
              .map { .compensating($0) } ?? .plain(.notFinite)
          }
        state.inputs[place] = .rounding(rounding)
        return rounding
      }
    }
  }
}

extension Tensor {
  /// Whether both are the same numbers in memory, however their rows are arranged.
  fileprivate func isSame(as other: Tensor) -> Bool {
    storage === other.storage && offset == other.offset && count == other.count && isDense
      && other.isDense && shape.last == other.shape.last
  }
}
