import HeedTensor

/// Activation functions and their derivatives (`ops_basic/activations`).
struct ActivationsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let name = referenceCase.text("name") ?? ""
    guard let activation = Activation(configName: name) else {
      throw Unsupported("the activation \"\(name)\"")
    }
    let tape = Tape()
    let x = tape.watch(try referenceCase.input("x"))
    let y = x.activated(activation)
    return ["y": y.detached(), "dy_dx": tape.gradients(of: y, for: [x])[0]]
  }
}
