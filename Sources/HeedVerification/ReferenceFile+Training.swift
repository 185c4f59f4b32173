import HeedFormats
import HeedTensor

extension ReferenceFile {
  /// A training description as a case: losses, norms, and the tensors of the files beside it, as
  /// "gradients.NAME" and "weights_after.NAME".
  func trainingCase() throws(FormatError) -> ReferenceCase {
    var outputs: [String: Tensor] = [:]
    for key in ["losses", "grad_norms"] {
      if let reference = description[key] { outputs[key] = try tensor(reference) }
    }
    let files = ["gradients": "gradients_step1", "weights_after": "weights_after"]
    for (group, name) in files {
      let path = "\(folder)/\(name).safetensors"
      guard fileExists(path) else { continue }
      let file = try SafetensorsFile(path: path)
      for name in file.tensorNames { outputs["\(group).\(name)"] = try file.tensor(named: name) }
    }
    var groups: [String: Tolerance] = [:]
    for (key, value) in description["tolerance"]?.object?.members ?? [] {
      groups[key] = Tolerance(value)
    }
    groups["grad_norms"] = groups["grad_norms"] ?? groups["gradients"]
    return ReferenceCase(
      name: name, attributes: description["hyper_parameters"] ?? .object(JSONObject()),
      entry: description, inputs: [:], outputs: outputs,
      tolerance: groups["losses"] ?? Tolerance(nil), groupTolerances: groups)
  }
}
