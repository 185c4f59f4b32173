import HeedFormats
import HeedTensor

/// Good and broken safetensors files (`formats/safetensors`).
///
/// A verdict is a tensor of one truth: accepted or not.
struct FilesRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    var results: [String: Tensor] = [:]
    for name in file.description["files"]?.object?.keys ?? [] {
      let opened = try? SafetensorsFile(path: "\(file.folder)/\(name)")
      results[name] = Tensor(scalar: opened != nil)
    }
    let whole = try SafetensorsFile(path: "\(file.folder)/good_all_dtypes.safetensors")
    for name in whole.tensorNames {
      results["values.\(name)"] = try whole.tensor(named: name).converted(to: .float64)
    }
    return results
  }
}

extension ReferenceFile {
  /// The verdicts on files and the values of a good one as expected results.
  func filesCase() throws(FormatError) -> ReferenceCase {
    var outputs: [String: Tensor] = [:]
    for (name, verdict) in description["files"]?.object?.members ?? [] {
      outputs[name] = Tensor(scalar: verdict == "accepted")
    }
    let tensors = description["good_all_dtypes"]?["tensors"]?.object?.members ?? []
    for (name, entry) in tensors {
      let shape = (entry["shape"]?.array ?? []).compactMap(\.integer)
      let values = (entry["values"]?.array ?? []).map(Self.number)
      guard values.count == shape.reduce(1, *) else {
        throw FormatError(
          .malformed, what: "\(values.count) values for \(shape)", place: "\(folder), \(name)")
      }
      outputs["values.\(name)"] = Tensor(values, shape: shape)
    }
    return ReferenceCase(
      name: name, attributes: .object(JSONObject()), entry: description, inputs: [:],
      outputs: outputs, tolerance: Tolerance(absolute: 0, relative: 0))
  }

  private static func number(_ value: JSONValue) -> Double {
    switch value.string {
    case "inf": .infinity
    case "-inf": -.infinity
    case "nan": .nan
    default: value.number ?? .nan
    }
  }
}
