// Reference gradients are named after the input: "d_x" or "dx" for x, "dw.NAME" for w.NAME. This type
// watches exactly the inputs whose gradient is asked for and names the gradients again, so that a
// runner is a formula and nothing else.

import HeedTensor

/// One operator case with its inputs on a tape.
struct DifferentiatedStep {
  private let referenceCase: ReferenceCase
  private let tape = Tape()
  private let inputs: [String: Tensor]
  /// The gradient's name by that of the input.
  private let gradientNames: [String: String]
  private let upstream: Tensor?

  /// Watches what has a gradient among the outputs.
  ///
  /// - Parameter upstream: the name of the input that is the gradient of the result; nil for losses.
  init(_ referenceCase: ReferenceCase, upstream: String?) throws {
    self.referenceCase = referenceCase
    self.upstream = upstream.flatMap { referenceCase.inputs[$0] }
    var names: [String: String] = [:]
    var inputs = referenceCase.inputs
    for (name, tensor) in referenceCase.inputs {
      let candidates =
        name.hasPrefix("w.") ? ["dw.\(name.dropFirst(2))"] : ["d_\(name)", "d\(name)"]
      guard let gradient = candidates.first(where: referenceCase.wants) else { continue }
      names[name] = gradient
      inputs[name] = tape.watch(tensor)
    }
    gradientNames = names
    self.inputs = inputs
  }

  /// An input that has to be there, on the tape where its gradient is asked for.
  func input(_ name: String) throws -> Tensor {
    guard let tensor = inputs[name] else { return try referenceCase.input(name) }
    return tensor
  }

  /// An input that may be absent.
  func optional(_ name: String) -> Tensor? { inputs[name] }

  /// The results with the gradients of the one named `differentiated` for the upstream gradient.
  func results(_ values: [String: Tensor], differentiated name: String) -> [String: Tensor] {
    var results = values.mapValues { $0.detached() }
    guard let output = values[name], !gradientNames.isEmpty else { return results }
    let watched = gradientNames.sorted { $0.key < $1.key }
    let gradients = tape.gradients(
      of: output, for: watched.compactMap { inputs[$0.key] },
      seed: upstream?.converted(to: output.elementType))
    for (gradient, entry) in zip(gradients, watched) { results[entry.value] = gradient }
    return results
  }
}
