import Foundation
import HeedFormats
import HeedTensor
import HeedTraining
import Testing

@Suite("Trainer")
struct TrainerTests {
  @Test("the loss falls on a text that repeats")
  func learns() throws {
    let run = try TinyRun()
    var trainer = Trainer(parameters: run.parameters, settings: run.settings())
    let losses = try run.train(&trainer, steps: 40)
    #expect(abs(losses[0] - 1.95) < 0.1, "an untrained model guesses: log 7")
    #expect(try #require(losses.last) < 0.5)
    #expect(trainer.stepCount == 40)
  }

  @Test("microbatches together make the step of one big batch, within rounding")
  func accumulation() throws {
    let run = try TinyRun()
    let batches = (0..<3).map {
      run.windows.batch(of: 2, Microbatch(seed: 1, step: 0, index: $0))
    }
    let settings = run.settings()
    var whole = Trainer(parameters: run.parameters, settings: settings)
    var parts = Trainer(parameters: run.parameters, settings: run.settings(microbatches: 3))
    let inputs = batches.flatMap(\.inputs)
    let targets = batches.flatMap(\.targets)
    for _ in 0..<2 {
      let a = try whole.step { parameters, _ in
        run.loss(parameters, TokenWindows.Batch(inputs: inputs, targets: targets))
      }
      let b = try parts.step { run.loss($0, batches[$1.index]) }
      #expect(abs(a.loss - b.loss) < 1e-6)
      #expect(abs(a.gradientNorm - b.gradientNorm) < 1e-5 * a.gradientNorm)
    }
    for (name, moments) in whole.moments {
      let other = try #require(parts.moments[name])
      let scale = Double(moments[0].sumOfSquares().squareRoot()) + 1e-12
      let distance = (moments[0] - other[0]).sumOfSquares().squareRoot()
      #expect(distance < 1e-5 * scale, "\(name)")
    }
  }

  @Test("the length of the gradient is limited, and reported before it is")
  func limit() throws {
    var trainer = Trainer(
      parameters: ["p": Tensor([0, 0] as [Float])],
      settings: TrainingSettings(
        optimizer: Optimizer(.sgd()), schedule: .constant(peak: 1), gradientLimit: 1))
    let result = try trainer.step { parameters, _ in
      (try #require(parameters["p"]) * Tensor([3, 4] as [Float])).sum()
    }
    #expect(abs(result.gradientNorm - 5) < 1e-6)
    let p: [Float] = try #require(trainer.parameters["p"]).elements()
    #expect(abs(p[0] + 0.6) < 1e-5 && abs(p[1] + 0.8) < 1e-5)
  }

  @Test(
    "a loss or a gradient that is not finite stops the run and leaves everything as it was",
    arguments: [Double.nan, .infinity])
  func diverged(value: Double) throws {
    let run = try TinyRun()
    var trainer = Trainer(parameters: run.parameters, settings: run.settings())
    try run.train(&trainer, steps: 2)
    trainer.lastCheckpoint = "somewhere"
    let before = bits(of: trainer)
    let error = #expect(throws: TrainingError.self) {
      try trainer.step { run.loss($0, run.windows.batch(of: 2, $1)) * value }
    }
    #expect(error?.code == .diverged)
    #expect(error?.step == 3)
    #expect(error?.description.contains("somewhere") == true)
    // sqrt(0): a finite loss with an infinite gradient.
    #expect(throws: TrainingError.self) {
      try trainer.step { parameters, _ in
        let p = try #require(parameters.values.first)
        return (p - p.detached()).squareRoot().sum()
      }
    }
    #expect(bits(of: trainer) == before)
    #expect(trainer.stepCount == 2)
    try run.train(&trainer, steps: 1)
  }

  @Test("the same bits for one thread and three")
  func threads() throws {
    let run = try TinyRun()
    let results = try [1, 3].map { count in
      try ThreadPool.withThreadCount(count) {
        var trainer = Trainer(parameters: run.parameters, settings: run.settings())
        try run.train(&trainer, steps: 3)
        return bits(of: trainer)
      }
    }
    #expect(results[0] == results[1])
  }

  @Test("steps, microbatches and seeds draw different batches and dropout; the same ones the same")
  func streams() {
    let places = [
      Microbatch(seed: 1, step: 0, index: 0), Microbatch(seed: 1, step: 0, index: 1),
      Microbatch(seed: 1, step: 1, index: 0), Microbatch(seed: 2, step: 0, index: 0),
    ]
    #expect(Set(places.map(\.dropoutSeed)).count == 4)
    let windows = TokenWindows(Array(0..<1000), length: 7)
    #expect(Set(places.map { windows.batch(of: 3, $0) }).count == 4)
    #expect(windows.batch(of: 3, places[1]) == windows.batch(of: 3, places[1]))
  }

  @Test("windows in order predict every token but the first once", arguments: [14, 27, 28, 40, 65])
  func inOrder(count: Int) {
    let windows = TokenWindows(Array(0..<count), length: 13)
    let batches = windows.inOrder(batchesOf: 2)
    #expect(batches.flatMap { $0.targets.flatMap { $0 } } == Array(1..<count))
    for batch in batches {
      #expect(batch.inputs.map { $0.map { $0 + 1 } } == batch.targets)
      #expect(Set(batch.inputs.map(\.count)).count == 1)
    }
  }

  @Test("a pass over the windows takes each once, and the next begins elsewhere in another order")
  func passes() {
    let windows = TokenWindows(Array(0..<207), length: 10)
    #expect(windows.windowsOfPass == 19)
    var starts: [Int] = []
    // 2 microbatches of 3 windows in 19 steps are 6 passes.
    for step in 0..<19 {
      for index in 0..<2 {
        let microbatch = Microbatch(seed: 3, step: step, index: index)
        let batch = windows.batch(of: 3, microbatch, microbatchCount: 2, order: .passes)
        #expect(batch.inputs.map { $0.map { $0 + 1 } } == batch.targets)
        starts += batch.inputs.compactMap(\.first)
      }
    }
    let passes = (0..<6).map { Array(starts[$0 * 19..<$0 * 19 + 19]) }
    for pass in passes {
      let sorted = pass.sorted()
      #expect(sorted == (0..<19).map { sorted[0] + 10 * $0 } && sorted[0] < 10)
      #expect(pass != sorted)
    }
    #expect(Set(passes).count == 6 && Set(passes.map { $0.min() }).count > 1)
  }

  @Test("windows of passes fit the shortest texts", arguments: [11, 12, 20, 21, 30])
  func shortPasses(count: Int) {
    let windows = TokenWindows(Array(0..<count), length: 10)
    for step in 0..<20 {
      let microbatch = Microbatch(seed: 5, step: step, index: 0)
      let batch = windows.batch(of: 2, microbatch, microbatchCount: 1, order: .passes)
      #expect(batch.targets.allSatisfy { $0.count == 10 && ($0.last ?? count) < count })
    }
  }
}
