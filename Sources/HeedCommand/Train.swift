import ArgumentParser
import Heed
import HeedFormats
import HeedTensor
import HeedTraining

/// `heed train`: makes a model from a recipe.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model by a recipe.",
    discussion: """
      Writes a model folder: config.json, model.safetensors, tokenizer.json, and the run itself: \
      log.jsonl, loss.svg, checkpoint.safetensors. Ctrl-C and SIGTERM write a checkpoint, from which \
      --resume goes on, to the same bits as if nothing had happened. A folder that has a run already \
      is not touched without --resume or --overwrite.
      """)

  @Argument(help: "The recipe; --list names them.") var recipe: String?
  @Flag(help: "List the recipes.") var list = false
  @Option(help: "The folder to write; by default one with the name of the recipe.")
  var output: String?
  @Option(help: "Learn from this UTF-8 text; its last part validates.") var text: String?
  @Option(help: "Learn from train*.txt in this folder; valid*.txt validates. Or .txt.gz.")
  var data: String?
  @Option(help: "Change a setting, NAME=VALUE, of those that --list --json prints.")
  var set: [String] = []
  @Option(parsing: .unconditional, help: "Steps.") var steps: Int?
  @Option(parsing: .unconditional, help: "The seed of everything random.") var seed: UInt64?
  @Option(parsing: .unconditional, help: "Windows of a batch.") var batch: Int?
  @Option(help: "Precision of products: f32 or bf16.") var precision: BenchType?
  @Option(parsing: .unconditional, help: "Steps between two checkpoints.") var checkpointEvery = 250
  @Option(parsing: .unconditional, help: "Threads; as many as the machine has when not given.")
  var threads: Int?
  @Flag(help: "Go on from the checkpoint in the folder.") var resume = false
  @Flag(help: "Delete the run that the folder has, and begin anew.") var overwrite = false
  @Flag(help: "No progress bar.") var quiet = false
  @Flag(help: "A line on standard error at each measurement, instead of a bar.") var lines = false
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    guard list || recipe != nil else {
      throw ValidationError("name a recipe: \(names), or give --list")
    }
    guard text == nil || data == nil else {
      throw ValidationError("--text and --data are two ways to say what is learnt: give one")
    }
    guard !resume || !overwrite else {
      throw ValidationError("--resume goes on with a run, --overwrite deletes it: give one")
    }
    if let recipe = recipe.flatMap({ Recipe.named($0) }), recipe.source == .folder, !list,
      text == nil, data == nil
    {
      throw ValidationError(
        "the texts that \(recipe.name) learns from do not ship: name their folder with --data "
          + "(train*.txt and valid*.txt, or .txt.gz)")
    }
    for (name, value, most) in [
      ("--steps", steps, 1 << 32), ("--batch", batch, 1 << 20), ("--threads", threads, 256),
      ("--checkpoint-every", checkpointEvery, 1 << 32),
    ] {
      if let value, !(1...most).contains(value) {
        throw ValidationError("\(name) must be from 1 to \(most), not \(value)")
      }
    }
    if !list { _ = try chosenRecipe() }
  }

  func run() throws {
    if list { return showRecipes() }
    let recipe = try chosenRecipe()
    try ThreadPool.withThreadCount(threads ?? ThreadPool.threadCount) {
      try train(recipe, in: output ?? recipe.name)
    }
  }

  /// The recipe with what the options change of it.
  private func chosenRecipe() throws -> Recipe {
    guard var recipe = recipe.flatMap({ Recipe.named($0) }) else {
      throw ValidationError("there is no recipe \"\(self.recipe ?? "")\"; known: \(names)")
    }
    if let steps { recipe.stepCount = steps }
    if let seed { recipe.seed = seed }
    if let batch { recipe.batchSize = batch }
    if let precision { recipe.precision = precision.precision }
    for change in set {
      guard let sign = change.firstIndex(of: "=") else {
        throw ValidationError("--set takes NAME=VALUE, not \"\(change)\"")
      }
      do {
        try recipe.set(
          String(change[..<sign]), to: String(change[change.index(after: sign)...]))
      } catch { throw ValidationError("--set \(change): \(error)") }
    }
    if !set.isEmpty {
      do { try recipe.checkConfig() } catch { throw ValidationError("--set: \(error)") }
    }
    return recipe
  }

  private var names: String { Recipe.all.map(\.name).joined(separator: ", ") }

  private func showRecipes() {
    if json {
      let recipes = Recipe.all.map { recipe -> JSONValue in
        [
          "name": .string(recipe.name), "summary": .string(recipe.summary),
          "settings": recipe.settings,
        ]
      }
      print(JSONValue.array(recipes).text(indented: true))
    } else {
      for recipe in Recipe.all { print("\(recipe.name)\n  \(recipe.summary)") }
    }
  }

  private func train(_ recipe: Recipe, in folder: String) throws {
    var run = try prepared(recipe, in: folder)
    run.checkpointInterval = checkpointEvery
    let interrupt = Interrupt(Interrupt.endingSignals)
    var bar = TrainingBar(isShown: !quiet && !lines && Terminal.rewritesLines)
    let showsLines = lines && !quiet
    let result: RecipeRun.Result
    do {
      result = try run.run(shouldStop: { interrupt.isRequested }) { progress in
        bar.show(progress)
        if showsLines, progress.isMeasured { showLine(progress) }
      }
    } catch {
      bar.end()
      throw error
    }
    bar.end()
    if json { return show(result, recipe, folder) }
    guard result.isComplete, let validation = result.validationLoss else {
      print(
        "stopped after step \(result.step) of \(recipe.stepCount); go on with\n  "
          + "\(commandLine(folder)) --resume")
      return
    }
    print(
      "\(result.step) steps in \(fixed(result.seconds, 0)) s "
        + "(\(fixed(result.processorSeconds, 0)) s of processors): "
        + "training loss \(fixed(result.trainingLoss, 4)), "
        + "validation loss \(fixed(validation, 4)) nats a token, "
        + "\(fixed(result.bitsPerByte ?? 0, 4)) bits a byte")
    print(
      "\(result.parameterCount) weights, with log.jsonl and loss.svg, in \(folder)\n"
        + "  heed generate \"\(recipe.source == .folder ? "Once upon a time" : "ROMEO:")\" "
        + "--model \(folder)")
  }

  private func prepared(_ recipe: Recipe, in folder: String) throws -> RecipeRun {
    let earlierRun: RecipeRun.EarlierRun =
      if resume { .resumed } else if overwrite { .replaced } else { .kept }
    do {
      return try RecipeRun(
        recipe, corpus: corpus(recipe), folder: folder, earlierRun: earlierRun)
    } catch let error as TrainingError where error.code == .occupied {
      throw ValidationError(
        "\(error.what): go on with it by --resume, delete it by --overwrite, or name another folder "
          + "by --output")
    }
  }

  private func showLine(_ progress: TrainingProgress) {
    note(
      "step \(progress.step) of \(progress.stepCount): loss \(fixed(progress.loss, 4)), "
        + "validation \(fixed(progress.validationLoss ?? 0, 4)) nats a token, "
        + "\(fixed(progress.bitsPerByte ?? 0, 4)) bits a byte, "
        + "\(fixed(progress.tokensPerSecond, 0)) tokens/s, "
        + "\(fixed(progress.processorSeconds, 0)) s of processors, "
        + "\(fixed(progress.secondsLeft, 0)) s left")
  }

  private func corpus(_ recipe: Recipe) throws -> TextCorpus {
    if let data { return try TextCorpus(folder: data) }
    let whole = try text.map { try TextFile.text(at: $0) } ?? ShippedModel.shakespeareText
    return TextCorpus(whole, trainingShare: recipe.trainingShare)
  }

  private func show(_ result: RecipeRun.Result, _ recipe: Recipe, _ folder: String) {
    var object = JSONObject()
    object["recipe"] = .string(recipe.name)
    object["folder"] = .string(folder)
    object["step"] = .integer(result.step)
    object["is_complete"] = .bool(result.isComplete)
    object["parameters"] = .integer(result.parameterCount)
    object["training_loss"] = .number(result.trainingLoss)
    object["validation_loss"] = result.validationLoss.map { .number($0) }
    object["bits_per_byte"] = result.bitsPerByte.map { .number($0) }
    object["seconds"] = .number(result.seconds)
    object["processor_seconds"] = .number(result.processorSeconds)
    print(JSONValue.object(object).text())
  }

  /// What was typed, with every setting that a resumed run has to have.
  private func commandLine(_ folder: String) -> String {
    var words = ["heed train", recipe ?? "", "--output \(folder)"]
    if let text { words.append("--text \(text)") }
    if let data { words.append("--data \(data)") }
    for change in set { words.append("--set \(change)") }
    if let steps { words.append("--steps \(steps)") }
    if let seed { words.append("--seed \(seed)") }
    if let batch { words.append("--batch \(batch)") }
    if let precision { words.append("--precision \(precision.rawValue)") }
    return words.joined(separator: " ")
  }
}

/// One line on standard error that is written again at most five times a second.
private struct TrainingBar {
  let isShown: Bool
  private var last = 0.0

  init(isShown: Bool) { self.isShown = isShown }

  mutating func show(_ progress: TrainingProgress) {
    let now = steadySeconds()
    guard isShown, now - last > 0.2 || progress.step == progress.stepCount else { return }
    last = now
    let filled = 24 * progress.step / max(1, progress.stepCount)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    var line = "[\(bar)] \(progress.step)/\(progress.stepCount)  loss \(fixed(progress.loss, 3))"
    if let validation = progress.validationLoss {
      line += "  validation \(fixed(validation, 3))"
    }
    line +=
      "  \(fixed(progress.tokensPerSecond, 0)) tokens/s  \(minutes(Int(progress.secondsLeft))) left"
    Terminal.rewriteLine(line)
  }

  func end() {
    if isShown, last > 0 { showOnStandardError("\n") }
  }
}
