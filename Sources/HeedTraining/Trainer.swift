// One step of training: gradients of every microbatch, summed in order; their common length limited
// (Pascanu et al. 2012, arXiv 1211.5063); one update. The state is a value: parameters, moments and
// the number of steps. Nothing of it changes before everything is known to be finite.

public import HeedTensor

/// The settings of a training run that are not the model's.
public struct TrainingSettings: Sendable {
  /// How gradients move parameters.
  public var optimizer: Optimizer
  /// How far.
  public var schedule: Schedule
  /// Gradients longer than this together are shortened to it; nil for no limit.
  public var gradientLimit: Double?
  /// Parameters that follow the loads of experts instead; nil for none.
  public var balance: LoadBalance?
  /// Microbatches whose mean gradient makes a step.
  public var microbatchCount: Int
  /// The seed of everything random.
  public var seed: UInt64

  /// Settings; by default no limit and one microbatch.
  public init(
    optimizer: Optimizer, schedule: Schedule, gradientLimit: Double? = nil,
    balance: LoadBalance? = nil, microbatchCount: Int = 1, seed: UInt64 = 0
  ) {
    precondition(microbatchCount > 0, "TrainingSettings: \(microbatchCount) microbatches")
    self.optimizer = optimizer
    self.schedule = schedule
    self.gradientLimit = gradientLimit
    self.balance = balance
    self.microbatchCount = microbatchCount
    self.seed = seed
  }

  /// Whether a parameter follows loads and no gradient.
  fileprivate func isBalanced(_ name: String) -> Bool {
    balance?.corrections.contains(name) == true
  }
}

/// What one step did.
public struct StepResult: Sendable, Hashable {
  /// Finished steps, this one included.
  public let step: Int
  /// Mean loss of the microbatches, before the update.
  public let loss: Double
  /// Length of the mean gradient, before it was limited.
  public let gradientNorm: Double
  /// The rate of the schedule.
  public let learningRate: Double
}

/// A training run: parameters, moments, the number of steps, and how to go on.
///
///     var trainer = Trainer(parameters: fresh.parameters, settings: settings)
///     let result = try trainer.step { parameters, microbatch in
///       let model = LanguageModel(
///         spec: spec, binding: fresh.binding, parameters: parameters, packed: false)
///       return model.loss(inputs, targets: targets)
///     }
///
/// Products in bfloat16 with float32 parameters are what the model is given as its precision.
public struct Trainer: Sendable {
  /// How steps are made.
  public let settings: TrainingSettings
  /// The parameters by name, `float32` or `float64`.
  public private(set) var parameters: [String: Tensor]
  /// The moments of each parameter.
  public private(set) var moments: [String: [Tensor]]
  /// Finished steps.
  public private(set) var stepCount: Int
  /// Where the state was last written; named when training fails.
  public var lastCheckpoint: String?

  /// A run at its beginning.
  public init(parameters: [String: Tensor], settings: TrainingSettings) {
    self.settings = settings
    self.parameters = parameters.mapValues { parameter in
      let isMath = parameter.elementType == .float32 || parameter.elementType == .float64
      return isMath ? parameter.detached() : parameter.converted(to: .float32)
    }
    moments = [:]
    for (name, parameter) in self.parameters where !settings.isBalanced(name) {
      moments[name] = settings.optimizer.emptyMoments(like: parameter, named: name)
    }
    stepCount = 0
  }

  /// A run as a checkpoint left it.
  ///
  /// - Throws: `TrainingError` when the checkpoint has other moments or another seed.
  public init(resuming checkpoint: Checkpoint, settings: TrainingSettings) throws(TrainingError) {
    guard checkpoint.seed == settings.seed,
      checkpoint.parameters.allSatisfy({ name, parameter in
        checkpoint.moments[name, default: []].count
          == (settings.isBalanced(name)
            ? 0 : settings.optimizer.rule(for: name, shape: parameter.shape).momentCount)
      })
    else {
      throw TrainingError(
        .foreignCheckpoint, what: "the checkpoint has another seed or another optimiser")
    }
    self.settings = settings
    parameters = checkpoint.parameters
    moments = checkpoint.moments
    for name in parameters.keys where moments[name] == nil { moments[name] = [] }
    stepCount = checkpoint.step
  }

  /// One step.
  ///
  /// - Parameters:
  ///   - loads: how many tokens each expert was given in all microbatches, by the name of the correction that
  ///     follows it; asked for at the end, where there is a `balance`.
  ///   - loss: the mean loss of a microbatch, a scalar, from parameters that a tape watches.
  /// - Throws: `TrainingError` when a loss or the gradient is NaN or infinite, and what `loss`
  ///   throws; nothing has changed then.
  @discardableResult
  public mutating func step(
    loads: () -> [String: [Int]] = { [:] },
    loss: (_ parameters: [String: Tensor], _ microbatch: Microbatch) throws -> Tensor
  ) throws -> StepResult {
    let names = parameters.keys.filter { !settings.isBalanced($0) }.sorted()
    var sums: [Tensor] = []
    var total = 0.0
    for index in 0..<settings.microbatchCount {
      let microbatch = Microbatch(seed: settings.seed, step: stepCount, index: index)
      let (value, gradients) = try differentiated(names, microbatch, loss)
      total += value
      if sums.isEmpty {
        sums = gradients
      } else {
        for place in sums.indices { sums[place].accumulate(gradients[place]) }
      }
    }
    let share = 1 / Double(settings.microbatchCount)
    let norm = globalNorm(sums) * share
    guard norm.isFinite else { throw diverged("the gradient is not finite") }
    var scale = share
    if let limit = settings.gradientLimit { scale *= min(1, limit / (norm + 1e-6)) }
    let rate = settings.schedule.rate(step: stepCount)
    stepCount += 1
    for (name, gradient) in zip(names, sums) { update(name, gradient, scale, rate) }
    if let balance = settings.balance { follow(loads(), balance) }
    return StepResult(
      step: stepCount, loss: total * share, gradientNorm: norm, learningRate: rate)
  }

  /// Loss and gradients of one microbatch; the tape and its copies are gone when it returns.
  private func differentiated(
    _ names: [String], _ microbatch: Microbatch,
    _ loss: (_ parameters: [String: Tensor], _ microbatch: Microbatch) throws -> Tensor
  ) throws -> (loss: Double, gradients: [Tensor]) {
    let tape = Tape()
    var watched = parameters
    for name in names { watched[name] = watched[name].map { tape.watch($0) } }
    let value = try loss(watched, microbatch)
    precondition(value.count == 1, "step(loss:): a loss of shape \(value.shape) is no scalar")
    let number = value.detached().converted(to: .float64).item(as: Double.self)
    guard number.isFinite else { throw diverged("the loss is \(number)") }
    return (number, tape.gradients(of: value, for: names.compactMap { watched[$0] }))
  }

  private mutating func update(
    _ name: String, _ gradient: Tensor, _ scale: Double, _ rate: Double
  ) {
    // Taken out of the dictionaries, so that nobody shares them and they change in place.
    guard var parameter = parameters.removeValue(forKey: name),
      var own = moments.removeValue(forKey: name)
    else { return }
    settings.optimizer.update(
      &parameter, named: name, gradient: gradient, gradientScale: scale, moments: &own,
      learningRate: rate, step: stepCount)
    parameters[name] = parameter
    moments[name] = own
  }

  private mutating func follow(_ loads: [String: [Int]], _ balance: LoadBalance) {
    for name in balance.corrections {
      guard let correction = parameters[name], let counts = loads[name] else {
        preconditionFailure("step(loss:): no loads for the correction \(name)")
      }
      parameters[name] = balance.moved(correction, by: counts)
    }
  }

  private func diverged(_ what: String) -> TrainingError {
    TrainingError(
      .diverged, what: what, step: stepCount + 1, lastCheckpoint: lastCheckpoint,
      hint: "the parameters are as before this step; a lower learning rate may help")
  }
}
