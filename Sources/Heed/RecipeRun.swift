// A recipe carried out: texts to tokens, steps, measurements, checkpoints, and at the end a model
// folder that loads like any other.

import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
public import HeedTraining

/// One training run of a recipe in a folder.
public struct RecipeRun: Sendable {
  /// The recipe.
  public let recipe: Recipe
  /// Where everything is written.
  public let folder: String
  /// Steps between two checkpoints.
  public var checkpointInterval = 250

  private let texts: EncodedCorpus
  private let training: TokenWindows
  private let validation: [TokenWindows.Batch]
  private let settings: JSONValue
  private let spec: ModelSpec
  private let binding: WeightBinding
  /// The corrections of routers, by their blocks.
  private let corrections: [Int: String]
  private var trainer: Trainer
  private var log: TrainingLog
  /// Finished steps in the checkpoint.
  private var checkpointStep: Int
  /// Processor time that this process had taken when the run, with its earlier parts, was at 0.
  private var processorStart: Double

  /// What becomes of an earlier run in the folder.
  public enum EarlierRun: Sendable {
    /// It stays, and the new one is refused.
    case kept
    /// It goes on from its checkpoint.
    case resumed
    /// It is deleted.
    case replaced
  }

  /// How a run ended.
  public struct Result: Sendable, Hashable {
    /// Finished steps.
    public let step: Int
    /// False when it was asked to stop before the last step.
    public let isComplete: Bool
    /// Mean training loss of the last steps, at most 50.
    public let trainingLoss: Double
    /// Loss over the whole validation part; nil when the run was stopped.
    public let validationLoss: Double?
    /// Bits for each byte of the validation part; nil when the run was stopped.
    public let bitsPerByte: Double?
    /// Seconds that this call took.
    public let seconds: Double
    /// Seconds of all processors together, those of earlier parts of the run included.
    public let processorSeconds: Double
    /// Weights of the model.
    public let parameterCount: Int
  }

  /// The checkpoint of the run.
  public var checkpointPath: String { folder + "/checkpoint.safetensors" }

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - corpus: what is learnt, and what validates.
  ///   - folder: made when it is not there.
  ///   - earlierRun: what becomes of a run whose checkpoint or model the folder has.
  /// - Throws: `FormatError`, `TokenizerError` and `TrainingError`: an unusable folder, text or
  ///   checkpoint; `.occupied` when there is an earlier run that is to be kept.
  public init(
    _ recipe: Recipe, corpus: TextCorpus, folder: String, earlierRun: EarlierRun = .kept
  ) throws {
    self.recipe = recipe
    self.folder = folder
    try recipe.checkConfig()
    if earlierRun == .kept { try Self.requireNoRun(in: folder) }
    // Before anything is made of what there is not.
    let earlier =
      earlierRun == .resumed ? try Checkpoint(path: folder + "/checkpoint.safetensors") : nil
    let learned = try recipe.vocabulary.learned(from: corpus)
    texts = try EncodedCorpus(corpus, learned.tokenizer, length: recipe.contextLength)
    training = TokenWindows(texts.training, length: recipe.contextLength)
    validation = TokenWindows(texts.validation, length: recipe.contextLength)
      .inOrder(batchesOf: 32)
    var object = recipe.config.object ?? JSONObject()
    for (key, value) in learned.config { object[key] = value }
    let config = JSONValue.object(object)
    let family = try FamilyRegistry.standard.family(for: config, place: recipe.name)
    spec = try family.spec(config, recipe.name)
    let fresh = family.weights(spec).freshParameters(of: spec, seed: recipe.seed)
    binding = fresh.binding
    corrections = binding.loadCorrections(of: spec)
    let training = recipe.training(
      outside: binding.namesOutsideBlocks, corrections: Set(corrections.values))
    var settings = recipe.settings.object ?? JSONObject()
    settings["texts"] = .string(texts.digest)
    // Of no meaning to other models, whose earlier checkpoints do not know it.
    if corrections.isEmpty { settings["balance_speed"] = nil }
    self.settings = .object(settings)
    try FileAccess.makeFolder(folder)
    let lock = try Self.lock(folder)
    defer { withExtendedLifetime(lock) {} }
    let files = learned.files + [("config.json", config)]
    try Self.deleteUnfinishedFiles(among: Self.files + files.map(\.name), in: folder)
    if earlierRun == .replaced { try Self.deleteRun(in: folder) }
    if let checkpoint = earlier {
      let path = folder + "/checkpoint.safetensors"
      try checkpoint.requireSame(recipe: recipe.name, settings: self.settings)
      guard Set(checkpoint.parameters.keys) == Set(fresh.parameters.keys),
        checkpoint.parameters.allSatisfy({ $0.value.shape == fresh.parameters[$0.key]?.shape })
      else {
        throw TrainingError(
          .foreignCheckpoint, what: "\(path) has other parameters than the recipe")
      }
      trainer = try Trainer(resuming: checkpoint, settings: training)
      trainer.lastCheckpoint = path
    } else {
      trainer = Trainer(parameters: fresh.parameters, settings: training)
    }
    checkpointStep = trainer.stepCount
    log = try TrainingLog(path: folder + "/log.jsonl", continuingAfter: trainer.stepCount)
    processorStart = ProcessorClock.seconds - (log.entries.last?.processorSeconds ?? 0)
    for (name, json) in files {
      try writeWhole(json.text(indented: true) + "\n", to: folder + "/" + name)
    }
  }

  /// Trains to the last step, or until `shouldStop` answers true; a checkpoint is written then.
  ///
  /// - Parameter progress: told after every step.
  /// - Throws: `TrainingError` when the loss diverges or a file cannot be written. The steps until then
  ///   are in the checkpoint that it names, unless that one cannot be written either.
  public mutating func run(
    shouldStop: () -> Bool = { false }, progress: (TrainingProgress) -> Void = { _ in }
  ) throws -> Result {
    let lock = try Self.lock(folder)
    defer { withExtendedLifetime(lock) {} }
    do { return try steps(shouldStop, progress) } catch { throw rescued(from: error) }
  }

  private mutating func steps(
    _ shouldStop: () -> Bool, _ progress: (TrainingProgress) -> Void
  ) throws -> Result {
    let clock = ContinuousClock()
    let start = clock.now
    let first = trainer.stepCount
    let tokensPerStep = recipe.batchSize * recipe.microbatchCount * recipe.contextLength
    var measured: Evaluation?
    while trainer.stepCount < recipe.stepCount {
      if shouldStop() {
        try writeCheckpoint()
        return result(seconds(clock.now - start), nil)
      }
      let result = try step()
      let isLast = result.step == recipe.stepCount
      let isMeasured = isLast || result.step % recipe.validationInterval == 0
      if isMeasured { measured = measure() }
      let elapsed = seconds(clock.now - start)
      let done = Double(result.step - first)
      let speed = done * Double(tokensPerStep) / elapsed
      let processorSeconds = ProcessorClock.seconds - processorStart
      try log.append(
        TrainingLog.Entry(
          step: result.step, loss: result.loss, learningRate: result.learningRate,
          gradientNorm: result.gradientNorm, tokensPerSecond: speed,
          processorSeconds: processorSeconds, validationLoss: isMeasured ? measured?.loss : nil))
      if result.step % checkpointInterval == 0 || isLast { try writeCheckpoint() }
      progress(
        TrainingProgress(
          step: result.step, stepCount: recipe.stepCount, loss: result.loss,
          validationLoss: measured?.loss, bitsPerByte: measured?.bitsPerByte,
          isMeasured: isMeasured, tokensPerSecond: speed, processorSeconds: processorSeconds,
          secondsLeft: elapsed / done * Double(recipe.stepCount - result.step)))
    }
    let last = measured ?? measure()
    try writeModel()
    return result(seconds(clock.now - start), last)
  }

  private mutating func step() throws -> StepResult {
    let (recipe, spec, binding, training) = (recipe, spec, binding, training)
    let (corrections, loads) = (corrections, ExpertLoads())
    func counts() -> [String: [Int]] {
      var result: [String: [Int]] = [:]
      for (layer, name) in corrections { result[name] = loads.counts(ofBlock: layer) }
      return result
    }
    return try trainer.step(loads: counts) { parameters, microbatch in
      let batch = training.batch(
        of: recipe.batchSize, microbatch, microbatchCount: recipe.microbatchCount,
        order: recipe.order)
      let model = LanguageModel(
        spec: spec, binding: binding, parameters: parameters, packed: false,
        precision: recipe.precision)
      var options = LanguageModel.Options()
      options.loads = corrections.isEmpty ? nil : loads
      if recipe.dropout > 0 {
        options.dropout = DropoutSettings(
          rate: Float(recipe.dropout), seed: microbatch.dropoutSeed)
      }
      return model.loss(batch.inputs, targets: batch.targets, options: options)
    }
  }

  /// Loss over the whole validation part, as `heed evaluate` measures it.
  private func measure() -> Evaluation {
    let model = LanguageModel(spec: spec, binding: binding, parameters: trainer.parameters)
    var (sum, count) = (0.0, 0)
    for batch in validation {
      let loss: Float = model.loss(batch.inputs, targets: batch.targets).item()
      sum += Double(loss) * Double(batch.count)
      count += batch.count
    }
    return Evaluation(
      loss: sum / Double(count), tokens: count, bytes: texts.validationBytes,
      vocabularySize: spec.vocabularySize)
  }

  private mutating func writeCheckpoint() throws {
    try Checkpoint(of: trainer, recipe: recipe.name, settings: settings)
      .write(to: checkpointPath)
    trainer.lastCheckpoint = checkpointPath
    checkpointStep = trainer.stepCount
    try writeCurve()
  }

  /// Writes what the steps until `error` have learnt, where it is of use, and names it in the error.
  private mutating func rescued(from error: any Error) -> TrainingError {
    // An update that was too large for floats shows in the next loss only.
    let isGood = (Array(trainer.parameters.values) + trainer.moments.values.joined())
      .allSatisfy { $0.nonFiniteCount == 0 }
    if isGood, trainer.stepCount > checkpointStep { try? writeCheckpoint() }
    var rescued =
      error as? TrainingError
      ?? TrainingError(.unusable, what: "\(error)", step: trainer.stepCount)
    rescued.lastCheckpoint = trainer.lastCheckpoint
    return rescued
  }

  /// What a run writes into its folder, beside the configuration and the vocabulary.
  private static let files = [
    "checkpoint.safetensors", "model.safetensors", "loss.svg", "log.jsonl",
  ]

  /// The right to write into the folder: two runs would mix their logs and replace each other's checkpoints.
  private static func lock(_ folder: String) throws(TrainingError) -> FolderLock {
    guard let lock = FolderLock.taken(folder) else {
      throw TrainingError(
        .busy, what: "somebody else trains in \(folder) now",
        hint: "wait for the end of that run, stop it, or choose another folder")
    }
    return lock
  }

  private static func requireNoRun(in folder: String) throws(TrainingError) {
    let found = ["checkpoint.safetensors", "model.safetensors"]
      .filter { FileAccess.exists(folder + "/" + $0) }
    guard !found.isEmpty else { return }
    throw TrainingError(
      .occupied, what: "\(folder) has \(found.joined(separator: " and ")) of an earlier run",
      hint: "resume that run, replace it, or choose another folder")
  }

  /// Deletes what a process left that ended while it was writing a file.
  private static func deleteUnfinishedFiles(
    among files: [String], in folder: String
  ) throws(FormatError) {
    for name in FileAccess.names(in: folder)
    where name.hasSuffix(".partial") && files.contains(where: { name.hasPrefix($0 + ".") }) {
      try FileAccess.delete(folder + "/" + name)
    }
  }

  private static func deleteRun(in folder: String) throws(FormatError) {
    // The log goes last: what is left of a deletion that was cut off is no run.
    for name in files {
      try FileAccess.delete(folder + "/" + name)
    }
  }

  private func writeModel() throws {
    try SafetensorsFile.write(
      trainer.parameters, metadata: ["format": "pt", "heed.recipe": recipe.name],
      to: folder + "/model.safetensors")
    try writeCurve()
  }

  private func writeCurve() throws {
    try writeWhole(
      LossCurve.svg(log.entries, title: recipe.name), to: folder + "/loss.svg")
  }

  private func writeWhole(_ text: String, to path: String) throws {
    do {
      try AtomicFile.write(to: path) { (file) throws(FileError) in
        try file.append(Array(text.utf8))
      }
    } catch { throw FormatError(error) }
  }

  private func result(_ seconds: Double, _ validation: Evaluation?) -> Result {
    let losses = log.entries.suffix(50).compactMap(\.loss)
    return Result(
      step: trainer.stepCount, isComplete: trainer.stepCount == recipe.stepCount,
      trainingLoss: losses.reduce(0, +) / Double(max(1, losses.count)),
      validationLoss: validation?.loss, bitsPerByte: validation?.bitsPerByte, seconds: seconds,
      processorSeconds: ProcessorClock.seconds - processorStart,
      parameterCount: trainer.parameters.values.reduce(0) { $0 + $1.count })
  }

  private func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + 1e-18 * Double(duration.components.attoseconds)
  }
}
