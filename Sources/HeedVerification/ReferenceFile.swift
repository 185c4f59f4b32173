// What lies on the disk: a folder with one description (`cases.json` or `io.json`) and tensors.
// The layout is that of the reference cases; this file knows it, no runner does.

public import HeedFormats
public import HeedTensor

/// One folder of reference cases.
public struct ReferenceFile: Sendable {
  /// The folder.
  public let folder: String
  /// "family/case", the name by which runners are found.
  public let name: String
  /// What sort of cases they are: "operators", "model", "training", ...
  public let kind: String
  /// The whole description.
  public let description: JSONValue
  /// The tensors that the description refers to; nil when there are none.
  private let tensors: SafetensorsFile?

  /// Reads the description at `path` and opens the tensors beside it.
  public init(path: String) throws(FormatError) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let file = String(path.dropFirst(folder == "." && !path.hasPrefix("./") ? 0 : folder.count + 1))
    let description = try JSONValue(contentsOf: path)
    guard let family = description["family"]?.string, let name = description["case"]?.string,
      let kind = description["kind"]?.string
    else {
      throw FormatError(
        .malformed, what: "the description is incomplete", place: path,
        expected: "family, case and kind")
    }
    self.folder = folder
    self.name = "\(family)/\(name)"
    self.kind = kind
    self.description = description
    let names = [file.replacingSuffix(".json", with: ".safetensors"), "io.safetensors"]
    let present = names.map { "\(folder)/\($0)" }.first(where: fileExists)
    if let present { self.tensors = try SafetensorsFile(path: present) } else { self.tensors = nil }
  }

  /// The family: the first part of the name.
  public var family: String { name.split(separator: "/").first.map(String.init) ?? name }

  /// The checks of the description, as they stand there.
  public var entries: [JSONValue] {
    if kind == "training" || kind == "files" { return [description] }
    if kind == "tokenizer" { return tokenizerEntries }
    for key in ["cases", "runs", "encode", "checks", "images"] {
      if let entries = description[key]?.array { return entries }
    }
    return [description]
  }

  /// The checks with the tensors they refer to.
  public func referenceCase(_ entry: JSONValue) throws(FormatError) -> ReferenceCase {
    let name = entry["name"]?.string
    let attributes = entry["attributes"] ?? entry["kwargs"] ?? .object(JSONObject())
    return ReferenceCase(
      name: name.map { "\(self.name)/\($0)" } ?? self.name, attributes: attributes, entry: entry,
      inputs: try flattened(entry["inputs"]), outputs: try flattened(entry["outputs"]),
      tolerance: Tolerance(entry["tolerance"]))
  }

  /// The tensor that a reference `{"tensor": NAME}` stands for.
  public func tensor(_ reference: JSONValue) throws(FormatError) -> Tensor {
    guard let name = reference["tensor"]?.string, let tensors else {
      throw FormatError(.malformed, what: "no tensor at \(reference.text())", place: folder)
    }
    return try tensors.tensor(named: name)
  }

  /// Every tensor below `value`; lists and groups become dotted names ("hidden_states.0").
  public func flattened(_ value: JSONValue?) throws(FormatError) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    if let value { try collect(value, "", &result) }
    return result
  }

  private func collect(
    _ value: JSONValue, _ prefix: String, _ result: inout [String: Tensor]
  ) throws(FormatError) {
    if value["tensor"]?.string != nil {
      result[prefix] = try tensor(value)
    } else if let object = value.object {
      for (key, member) in object.members {
        try collect(member, prefix.isEmpty ? key : "\(prefix).\(key)", &result)
      }
    } else if let array = value.array {
      for (index, element) in array.enumerated() {
        try collect(element, prefix.isEmpty ? "\(index)" : "\(prefix).\(index)", &result)
      }
    }
  }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
    hasSuffix(suffix) ? dropLast(suffix.count) + other : self
  }
}
