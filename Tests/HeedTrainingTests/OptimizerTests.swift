import Foundation
import HeedFormats
import HeedTensor
import HeedTraining
import Testing

/// Reference cases of training/optimizers, where they lie beside the package.
private enum Goldens {
  /// Without `../shared` (or `HEED_GOLDENS`) the comparison with the references is left out.
  static var folder: String? {
    let root = ProcessInfo.processInfo.environment["HEED_GOLDENS"] ?? "../shared/goldens"
    let folder = root + "/training/optimizers"
    return FileManager.default.fileExists(atPath: folder + "/cases.json") ? folder : nil
  }

  static func cases(_ folder: String) throws -> ([JSONValue], SafetensorsFile) {
    let description = try JSONValue(contentsOf: folder + "/cases.json")
    return (
      try #require(description["cases"]?.array),
      try SafetensorsFile(path: folder + "/cases.safetensors")
    )
  }
}

@Suite("Optimisers")
struct OptimizerTests {
  @Test(
    "parameters after every step equal the references",
    .enabled(if: Goldens.folder != nil, "left out: no reference cases beside the package"))
  func references() throws {
    let (cases, file) = try Goldens.cases(try #require(Goldens.folder))
    var checked = 0
    for entry in cases {
      guard let attributes = entry["attributes"], let kind = attributes["optimizer"]?.string else {
        continue
      }
      let name = try #require(entry["name"]?.string)
      func number(_ key: String) -> Double { attributes[key]?.number ?? 0 }
      let betas = attributes["betas"]?.array?.compactMap(\.number) ?? [0, 0]
      let rule: OptimizerRule
      switch kind {
      case "adamw":
        rule = .adamW(
          beta1: betas[0], beta2: betas[1], epsilon: number("eps"),
          weightDecay: number("weight_decay"))
      case "adam":
        rule = .adam(
          beta1: betas[0], beta2: betas[1], epsilon: number("eps"),
          weightDecay: number("weight_decay"), isAMSGrad: attributes["amsgrad"]?.bool ?? false)
      default:
        rule = .sgd(
          momentum: number("momentum"), isNesterov: attributes["nesterov"]?.bool ?? false,
          weightDecay: number("weight_decay"))
      }
      try compare(
        name, rule, rate: number("lr"), limit: attributes["clip"]?.number,
        steps: Int(number("steps")), entry["tolerance"], file)
      checked += 1
    }
    #expect(checked == 5)
  }

  private func compare(
    _ name: String, _ rule: OptimizerRule, rate: Double, limit: Double?, steps: Int,
    _ tolerance: JSONValue?, _ file: SafetensorsFile
  ) throws {
    let absolute = try #require(tolerance?["atol"]?.number)
    let relative = try #require(tolerance?["rtol"]?.number)
    var trainer = Trainer(
      parameters: [
        "p0": try file.tensor(named: "\(name)/in/p0"),
        "p1": try file.tensor(named: "\(name)/in/p1"),
      ],
      settings: TrainingSettings(
        optimizer: Optimizer(rule, groups: []), schedule: .constant(peak: rate),
        gradientLimit: limit))
    for step in 0..<steps {
      // A loss whose gradient is the given one: the sum of p * g.
      try trainer.step { parameters, _ in
        var loss = Tensor(scalar: Float(0))
        for key in ["p0", "p1"] {
          let all = try file.tensor(named: "\(name)/in/g\(key.dropFirst())")
          let p = try #require(parameters[key])
          let g = all.sliced(axis: 0, range: step..<step + 1).reshaped(to: p.shape)
          loss = loss + (p * g).sum()
        }
        return loss
      }
      for key in ["p0", "p1"] {
        let all = try file.tensor(named: "\(name)/out/\(key)")
        let wanted: [Float] = all.sliced(axis: 0, range: step..<step + 1).elements()
        let got: [Float] = try #require(trainer.parameters[key]).elements()
        for (g, w) in zip(got, wanted) {
          let distance = abs(Double(g) - Double(w))
          #expect(distance <= absolute + relative * abs(Double(w)), "\(name) \(key) step \(step)")
        }
      }
    }
  }

  @Test(
    "learning rates equal the references up to the last step",
    .enabled(if: Goldens.folder != nil, "left out: no reference cases beside the package"))
  func referenceSchedules() throws {
    let (cases, file) = try Goldens.cases(try #require(Goldens.folder))
    var checked = 0
    for entry in cases {
      guard let attributes = entry["attributes"], let kind = attributes["schedule"]?.string else {
        continue
      }
      let name = try #require(entry["name"]?.string)
      let peak = try #require(attributes["lr"]?.number)
      let warmup = try #require(attributes["warmup_steps"]?.integer)
      let total = try #require(attributes["total_steps"]?.integer)
      let specific = attributes["specific"]
      let schedule: Schedule
      switch kind {
      case "linear": schedule = .linear(peak: peak, warmup: warmup, total: total)
      case "cosine": schedule = .cosine(peak: peak, warmup: warmup, total: total)
      case "constant": schedule = .constant(peak: peak)
      case "constant_with_warmup": schedule = .constant(peak: peak, warmup: warmup)
      case "cosine_with_restarts":
        let cycles = try #require(specific?["num_cycles"]?.integer)
        schedule = .cosineWithRestarts(peak: peak, warmup: warmup, total: total, cycles: cycles)
      case "polynomial":
        schedule = .polynomial(
          peak: peak, final: try #require(specific?["lr_end"]?.number), warmup: warmup,
          total: total, power: try #require(specific?["power"]?.number))
      default: schedule = .inverseSquareRoot(peak: peak, warmup: warmup)
      }
      let wanted: [Float] = try file.tensor(named: "\(name)/out/learning_rates").elements()
      // After `total` the reference cosine rises again; ours stays (see the README).
      for step in 0...total {
        let distance = abs(schedule.rate(step: step) - Double(wanted[step]))
        #expect(distance <= 1e-9 + 1e-6 * Double(wanted[step]), "\(name) step \(step)")
      }
      checked += 1
    }
    #expect(checked == 7)
  }

  @Test("Nesterov's step looks ahead by the momentum")
  func nesterov() {
    let optimizer = Optimizer(.sgd(momentum: 0.5, isNesterov: true))
    var p = Tensor([1, 2, 3] as [Double])
    var moments = optimizer.emptyMoments(like: p, named: "p")
    let g = Tensor([1, -1, 2] as [Double])
    for step in 1...2 {
      optimizer.update(
        &p, named: "p", gradient: g, moments: &moments, learningRate: 0.1, step: step)
    }
    // Velocities g and 1.5 g; moves 1.5 g and g + 0.75 g.
    let wanted = zip([1.0, 2, 3], [1.0, -1, 2]).map { $0 - 0.1 * (1.5 + 1.75) * $1 }
    for (got, want) in zip(p.elements(as: Double.self), wanted) { #expect(abs(got - want) < 1e-14) }
  }

  @Test("AMSGrad is Adam while gradients grow and moves less after they shrink")
  func amsgrad() {
    let plain = Optimizer(.adam())
    let largest = Optimizer(.adam(isAMSGrad: true))
    var (a, b) = (Tensor([1, 2] as [Double]), Tensor([1, 2] as [Double]))
    var (ma, mb) = (
      plain.emptyMoments(like: a, named: "p"), largest.emptyMoments(like: b, named: "p")
    )
    func step(_ count: Int, _ size: Double) {
      let g = Tensor([size, -size])
      plain.update(&a, named: "p", gradient: g, moments: &ma, learningRate: 0.1, step: count)
      largest.update(&b, named: "p", gradient: g, moments: &mb, learningRate: 0.1, step: count)
    }
    for count in 1...3 { step(count, Double(count)) }
    for (x, y) in zip(a.elements(as: Double.self), b.elements(as: Double.self)) {
      #expect(abs(x - y) < 1e-12)
    }
    let before = (a.elements(as: Double.self)[0], b.elements(as: Double.self)[0])
    for count in 4...2000 { step(count, 1e-3) }
    let moved = (
      abs(a.elements(as: Double.self)[0] - before.0), abs(b.elements(as: Double.self)[0] - before.1)
    )
    #expect(moved.1 < moved.0)
    #expect(mb[2].elements(as: Double.self)[0] > mb[1].elements(as: Double.self)[0])
  }

  @Test("by default matrices decay, gains and biases do not")
  func groups() {
    let optimizer = Optimizer(.adamW(weightDecay: 0.5))
    for (shape, wanted) in [([3], Float(2)), ([1, 3], Float(1.9))] {
      var p = Tensor(repeating: Float(2), shape: shape)
      var moments = optimizer.emptyMoments(like: p, named: "p")
      optimizer.update(
        &p, named: "p", gradient: Tensor(zeros: shape), moments: &moments, learningRate: 0.1,
        step: 1)
      #expect(p.elements(as: Float.self).allSatisfy { abs($0 - wanted) < 1e-6 })
    }
  }

  @Test(
    "Muon moves every direction of a matrix about equally far",
    arguments: [[6, 6], [5, 9], [9, 5]])
  func muon(shape: [Int]) {
    let optimizer = Optimizer(.muon(momentum: 0.9, weightDecay: 0.5))
    var generator = RandomGenerator(seed: 11)
    let gradient = generator.normal(shape)
    let start = generator.normal(shape)
    var p = start
    var moments = optimizer.emptyMoments(like: p, named: "p")
    optimizer.update(
      &p, named: "p", gradient: gradient, moments: &moments, learningRate: 0.1, step: 1)
    let size = 0.1 * 0.2 * Double(shape.max() ?? 1).squareRoot()
    let move = (start * (1 - 0.1 * 0.5) - p) / size  // U V^T, roughly
    // Singular values near 1: the product with itself is near the identity.
    let square =
      shape[0] <= shape[1]
      ? move.matrixProduct(move.transposed()) : move.transposed().matrixProduct(move)
    let side = shape.min() ?? 0
    let values = square.elements(as: Float.self)
    for row in 0..<side {
      for column in 0..<side {
        let wanted: Float = row == column ? 1 : 0
        #expect(abs(values[row * side + column] - wanted) < 0.6)
      }
    }
    // The first velocity is the gradient, so the move points along it.
    #expect((move * gradient).sum().item(as: Float.self) > 0)
    #expect(moments[0].elements(as: Float.self) == gradient.elements(as: Float.self))
  }

  @Test("a gradient of zeros leaves what Muon moves where it is, but for the decay")
  func muonAtRest() {
    let optimizer = Optimizer(.muon(weightDecay: 0.5))
    var p = Tensor(repeating: Float(2), shape: [3, 4])
    var moments = optimizer.emptyMoments(like: p, named: "p")
    optimizer.update(
      &p, named: "p", gradient: Tensor(zeros: [3, 4]), moments: &moments, learningRate: 0.1, step: 1
    )
    #expect(p.elements(as: Float.self).allSatisfy { abs($0 - 1.9) < 1e-6 })
  }

  @Test("a group may have a rule of its own, with its own moments")
  func rulesOfGroups() {
    let optimizer = Optimizer(
      .muon(), groups: [ParameterGroup(rule: .adamW(weightDecay: 0)) { name, _ in name == "e" }])
    let p = Tensor(repeating: Float(1), shape: [2, 2])
    #expect(optimizer.emptyMoments(like: p, named: "p").count == 1)
    var e = p
    var moments = optimizer.emptyMoments(like: e, named: "e")
    #expect(moments.count == 2)
    optimizer.update(
      &e, named: "e", gradient: p, moments: &moments, learningRate: 0.1, step: 1)
    #expect(e.elements(as: Float.self).allSatisfy { abs($0 - 0.9) < 1e-5 })
  }
}
