// How a gradient moves a parameter. Adam: Kingma & Ba 2014, arXiv 1412.6980; decoupled decay:
// Loshchilov & Hutter 2017, arXiv 1711.05101; AMSGrad: Reddi et al. 2018, arXiv 1904.09237;
// momentum: Polyak 1964; Nesterov's form of it: Sutskever et al. 2013; Muon: Jordan et al. 2024
// (kellerjordan.github.io/posts/muon), with the size of its steps as in Liu et al. 2025, arXiv
// 2502.16982, so that one learning rate serves it and AdamW.

public import HeedTensor

/// The rule of an optimiser, as a value.
public enum OptimizerRule: Sendable, Hashable {
  /// Adam whose decay shrinks the parameter itself.
  case adamW(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01,
    isAMSGrad: Bool = false)
  /// Adam whose decay is added to the gradient (L2).
  case adam(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0,
    isAMSGrad: Bool = false)
  /// Plain steps, or with momentum; decay is added to the gradient.
  case sgd(momentum: Double = 0, isNesterov: Bool = false, weightDecay: Double = 0)
  /// Nesterov's momentum, made orthogonal: every direction of a matrix moves equally far. For the
  /// matrices of blocks alone; embeddings and vectors get a group with a rule of their own. Decay
  /// shrinks the parameter itself.
  case muon(momentum: Double = 0.95, weightDecay: Double = 0.1)

  /// How many moments each parameter has.
  public var momentCount: Int {
    switch self {
    case .adamW(_, _, _, _, let isAMSGrad), .adam(_, _, _, _, let isAMSGrad): isAMSGrad ? 3 : 2
    case .sgd(let momentum, _, _): momentum == 0 ? 0 : 1
    case .muon: 1
    }
  }
}

/// Parameters that are treated alike.
public struct ParameterGroup: Sendable {
  /// Which parameters, by name and shape.
  public var contains: @Sendable (_ name: String, _ shape: [Int]) -> Bool
  /// Multiplies the learning rate.
  public var rateFactor: Double
  /// Multiplies the weight decay.
  public var decayFactor: Double
  /// Instead of the optimiser's rule; nil for that one.
  public var rule: OptimizerRule?

  /// A group; the factors are 1 unless given.
  public init(
    rateFactor: Double = 1, decayFactor: Double = 1, rule: OptimizerRule? = nil,
    contains: @escaping @Sendable (_ name: String, _ shape: [Int]) -> Bool
  ) {
    self.contains = contains
    self.rateFactor = rateFactor
    self.decayFactor = decayFactor
    self.rule = rule
  }

  /// Gains and biases, everything of fewer than two axes, do not decay.
  public static var vectorsWithoutDecay: ParameterGroup {
    ParameterGroup(decayFactor: 0) { _, shape in shape.count < 2 }
  }
}

/// A rule and the groups of parameters it treats differently.
public struct Optimizer: Sendable {
  /// The rule.
  public var rule: OptimizerRule
  /// The first group that contains a parameter counts; one in no group is treated plainly.
  public var groups: [ParameterGroup]

  /// An optimiser; by default vectors do not decay.
  public init(_ rule: OptimizerRule, groups: [ParameterGroup] = [.vectorsWithoutDecay]) {
    self.rule = rule
    self.groups = groups
  }

  /// The rule that moves a parameter.
  public func rule(for name: String, shape: [Int]) -> OptimizerRule {
    groups.first { $0.contains(name, shape) }?.rule ?? rule
  }

  /// Moments before the first step.
  public func emptyMoments(like parameter: Tensor, named name: String) -> [Tensor] {
    (0..<rule(for: name, shape: parameter.shape).momentCount).map { _ in
      Tensor(zeros: parameter.shape, parameter.elementType)
    }
  }

  /// One step on one parameter.
  ///
  /// - Parameters:
  ///   - parameter: changed in place when nobody shares it.
  ///   - gradient: of its shape; multiplied by `gradientScale` first.
  ///   - moments: as `emptyMoments(like:named:)` made them, changed in place.
  ///   - step: counts from 1.
  public func update(
    _ parameter: inout Tensor, named name: String, gradient: Tensor, gradientScale: Double = 1,
    moments: inout [Tensor], learningRate: Double, step: Int
  ) {
    let group = groups.first { $0.contains(name, parameter.shape) }
    let rule = group?.rule ?? rule
    precondition(
      moments.count == rule.momentCount,
      "update: \(moments.count) moments of \(name), the rule has \(rule.momentCount)")
    let rate = learningRate * (group?.rateFactor ?? 1)
    let decayFactor = group?.decayFactor ?? 1
    switch rule {
    case .adamW(let beta1, let beta2, let epsilon, let decay, _):
      let step = AdamWStep(
        learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon,
        weightDecay: decay * decayFactor, step: step, gradientScale: gradientScale)
      Self.adam(&parameter, gradient, &moments, step)
    case .adam(let beta1, let beta2, let epsilon, let decay, _):
      let step = AdamWStep(
        learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: 0,
        step: step, gradientScale: 1)
      let whole = gradient * gradientScale + parameter.detached() * (decay * decayFactor)
      Self.adam(&parameter, whole, &moments, step)
    case .sgd(let momentum, let isNesterov, let decay):
      var direction = gradient * gradientScale
      if decay * decayFactor != 0 {
        direction += parameter.detached() * (decay * decayFactor)
      }
      if momentum != 0 {
        moments[0] = moments[0] * momentum + direction
        direction = isNesterov ? direction + moments[0] * momentum : moments[0]
      }
      parameter = parameter.detached() - direction * rate
    case .muon(let momentum, let decay):
      precondition(
        parameter.rank == 2, "update: Muon moves matrices, \(name) is \(parameter.shape)")
      let gradient = gradient * gradientScale
      moments[0] = moments[0] * momentum + gradient
      let direction = OrthogonalFactor.factor(of: gradient + moments[0] * momentum)
      // Steps of the usual size of AdamW's: root mean square 0.2.
      let size = rate * 0.2 * Double(parameter.shape.max() ?? 1).squareRoot()
      parameter = parameter.detached() * (1 - rate * decay * decayFactor) - direction * size
    }
  }

  /// Two moments: the kernel. Three: AMSGrad, which divides by the largest second moment so far.
  private static func adam(
    _ parameter: inout Tensor, _ gradient: Tensor, _ moments: inout [Tensor], _ step: AdamWStep
  ) {
    if moments.count == 2 {
      var second = moments.removeLast()
      var first = moments.removeLast()
      parameter.adamWStep(
        gradient: gradient, firstMoment: &first, secondMoment: &second, step)
      moments = [first, second]
      return
    }
    let gradient = gradient * step.gradientScale
    moments[0] = moments[0] * step.beta1 + gradient * (1 - step.beta1)
    moments[1] = moments[1] * step.beta2 + gradient.squared() * (1 - step.beta2)
    moments[2] = moments[2].maximum(moments[1])
    let rootCorrection = (1 - power(step.beta2, step.step)).squareRoot()
    let divisor = moments[2].squareRoot() / rootCorrection + step.epsilon
    let move = moments[0] / divisor * (step.learningRate / (1 - power(step.beta1, step.step)))
    parameter = parameter.detached() * (1 - step.learningRate * step.weightDecay) - move
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1.0) { product, _ in product * base }
  }
}
