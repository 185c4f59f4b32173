// The whole state of a run in one safetensors file. It is written beside its place, forced to the
// disk and renamed, so the previous checkpoint stays until the new one is complete.

public import HeedFormats
public import HeedTensor

/// The state of a training run, and what it belongs to.
public struct Checkpoint: Sendable {
  /// The parameters by name.
  public var parameters: [String: Tensor]
  /// The moments of each parameter.
  public var moments: [String: [Tensor]]
  /// Finished steps.
  public var step: Int
  /// The seed of the run.
  public var seed: UInt64
  /// What is trained.
  public var recipe: String
  /// How: everything that must be the same for the run to go on.
  public var settings: JSONValue

  /// The state of `trainer`.
  public init(of trainer: Trainer, recipe: String, settings: JSONValue) {
    parameters = trainer.parameters
    moments = trainer.moments
    step = trainer.stepCount
    seed = trainer.settings.seed
    self.recipe = recipe
    self.settings = settings
  }

  /// Writes the file; an earlier one is replaced when this one is complete.
  ///
  /// - Throws: `FormatError` for a full disk and its like.
  public func write(to path: String) throws(FormatError) {
    var tensors: [String: Tensor] = [:]
    for (name, parameter) in parameters { tensors["parameters/" + name] = parameter }
    for (name, list) in moments {
      for (index, moment) in list.enumerated() { tensors["moments/\(index)/" + name] = moment }
    }
    let metadata = [
      "heed.checkpoint": "1", "step": String(step), "seed": String(seed), "recipe": recipe,
      "settings": settings.text(),
    ]
    try SafetensorsFile.write(tensors, metadata: metadata, to: path)
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: `FormatError` when the file is cut off or is no checkpoint.
  public init(path: String) throws(FormatError) {
    let file = try SafetensorsFile(path: path)
    let strings = Dictionary(file.metadata.map { ($0.key, $0.value) }) { first, _ in first }
    guard strings["heed.checkpoint"] == "1", let step = strings["step"].flatMap({ Int($0) }),
      step >= 0, let seed = strings["seed"].flatMap({ UInt64($0) }),
      let recipe = strings["recipe"], let settings = strings["settings"]
    else {
      throw FormatError(
        .malformed, what: "this is no checkpoint of a training run", place: path,
        expected: "a file that `heed train` wrote")
    }
    self.step = step
    self.seed = seed
    self.recipe = recipe
    self.settings = try JSONValue(parsing: settings, place: path)
    parameters = [:]
    moments = [:]
    for name in file.tensorNames where name.hasPrefix("parameters/") {
      parameters[String(name.dropFirst(11))] = try file.tensor(named: name)
    }
    let present = Set(file.tensorNames)
    for (name, parameter) in parameters {
      var list: [Tensor] = []
      while present.contains("moments/\(list.count)/\(name)") {
        let moment = try file.tensor(named: "moments/\(list.count)/\(name)")
        guard moment.shape == parameter.shape, moment.elementType == parameter.elementType else {
          throw FormatError(
            .inconsistent, what: "\(name) is \(parameter.shape), its moment \(moment.shape)",
            place: path)
        }
        list.append(moment)
      }
      moments[name] = list
    }
  }

  /// Checks that the run with this recipe and these settings may go on from here.
  ///
  /// - Throws: `TrainingError` that names every setting that differs.
  public func requireSame(recipe: String, settings: JSONValue) throws(TrainingError) {
    guard self.recipe == recipe else {
      throw TrainingError(
        .foreignCheckpoint,
        what: "the checkpoint belongs to the recipe \"\(self.recipe)\", not to \"\(recipe)\"")
    }
    let keys = (settings.object?.keys ?? []) + (self.settings.object?.keys ?? [])
    let different = Set(keys).sorted().filter { settings[$0] != self.settings[$0] }
    guard different.isEmpty else {
      let list = different.map {
        "\($0) is \(self.settings[$0]?.text() ?? "absent"), not \(settings[$0]?.text() ?? "absent")"
      }
      throw TrainingError(
        .foreignCheckpoint,
        what: "the checkpoint was made with other settings: " + list.joined(separator: ", "),
        hint: "resume with the same settings, or begin in another folder")
    }
  }
}
