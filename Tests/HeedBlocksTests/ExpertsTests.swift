import HeedAttention
import HeedBlocks
import HeedTensor
import Testing

@Suite("Experts")
struct ExpertsTests {
  private let width = 10
  private let x: Tensor

  init() {
    var generator = RandomGenerator(seed: 5)
    x = generator.normal([2, 7, 10])
  }

  private func spec(_ router: RouterSpec, shared: Bool = false) -> ExpertsSpec {
    let expert = FeedForwardSpec(hiddenWidth: 6, activation: .silu, form: .gated, hasBias: true)
    return ExpertsSpec(
      expertCount: 6, expert: expert, router: router,
      shared: shared ? SharedExpertSpec(expert, isGated: true) : nil)
  }

  /// Random weights by path, but those of `changes`.
  private func weights(_ changes: [String: Tensor] = [:]) -> WeightLookup {
    WeightLookup { path, _ in
      if let change = changes[path] { return change }
      let isBias = path.hasSuffix(".bias") || path.hasSuffix(".correction")
      let outputs =
        path.contains("router")
        ? 6
        : path.contains("sharedGate") ? 1 : path.contains(".down.") ? 10 : 6
      let inputs = path.contains(".down.") ? 6 : 10
      let seed = path.utf8.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
      var generator = RandomGenerator(seed: seed)
      return generator.normal(isBias ? [outputs] : [outputs, inputs], deviation: 0.5)
    }
  }

  private func run(
    _ spec: ExpertsSpec, _ x: Tensor, _ weights: WeightLookup, packing: ProductPrecision? = nil
  ) -> Tensor {
    let block = Block(
      BlockSpec([BranchSpec(operation: .experts(spec))]), layer: 0, weights, packing: packing)
    var context = BlockContext(mask: .none, positions: Array(0..<x.shape[1]))
    return block(x, context: &context) - x
  }

  /// All experts for all tokens, the weights of those that were not chosen zero.
  private func dense(
    _ spec: ExpertsSpec, _ chosen: [[Int]], _ scores: Tensor, _ x: Tensor? = nil,
    _ lookup: WeightLookup? = nil
  ) -> Tensor {
    let lookup = lookup ?? weights()
    let rows = (x ?? self.x).reshaped(to: [14, 10])
    func apply(_ place: String) -> Tensor {
      func layer(_ name: String, _ x: Tensor) -> Tensor {
        linear(
          x, weight: lookup("\(place).\(name).weight", 0), bias: lookup("\(place).\(name).bias", 0))
      }
      return layer("down", layer("gate", rows).activated(.silu) * layer("up", rows))
    }
    var sum = Tensor(zeros: [14, 10])
    for expert in 0..<6 {
      let mask = chosen.map { $0.contains(expert) ? Float(1) : 0 }
      let share = scores.sliced(axis: 1, range: expert..<expert + 1) * Tensor(mask, shape: [14, 1])
      sum = sum + apply("experts.\(expert)") * share
    }
    if spec.shared != nil {
      let gate = linear(rows, weight: lookup("experts.sharedGate.weight", 0)).sigmoid()
      sum = sum + apply("experts.shared") * gate
    }
    return sum.reshaped(to: [2, 7, 10])
  }

  private func logits() -> Tensor {
    linear(
      x.reshaped(to: [14, 10]), weight: weights()("experts.router.weight", 0),
      bias: weights()("experts.router.bias", 0))
  }

  private func best(_ values: [Float], _ count: Int, of candidates: [Int]) -> [Int] {
    Array(candidates.sorted { values[$0] > values[$1] }.prefix(count))
  }

  private func near(_ got: Tensor, _ want: Tensor) -> Bool {
    (got - want).abs().max().item(as: Float.self) < 1e-5
  }

  @Test("gathered experts give what all experts with zeros give", arguments: [false, true])
  func gathered(shared: Bool) {
    let spec = spec(RouterSpec(score: .softmax, chosenCount: 2, hasBias: true), shared: shared)
    let scores = logits().softmax()
    let rows = scores.split(count: 14, alongAxis: 0).map { $0.elements(as: Float.self) }
    let chosen = rows.map { best($0, 2, of: Array(0..<6)) }
    let want = dense(spec, chosen, scores)
    #expect(near(run(spec, x, weights()), want))
    #expect(near(run(spec, x, weights(), packing: .float32), want))
  }

  @Test("a corrected choice among groups takes its weights from the scores alone")
  func groups() {
    let router = RouterSpec(
      score: .sigmoid, chosenCount: 2, groups: .init(count: 3, chosenCount: 2, bestCount: 2),
      sumsToOne: true, scale: 2.5, hasBias: true, hasCorrection: true)
    let scores = logits().sigmoid()
    let correction: [Float] = weights()("experts.router.correction", 0).elements()
    var shares: [Float] = []
    var chosen: [[Int]] = []
    for row in scores.split(count: 14, alongAxis: 0).map({ $0.elements(as: Float.self) }) {
      let corrected = zip(row, correction).map(+)
      let sums = (0..<3).map { corrected[2 * $0] + corrected[2 * $0 + 1] }
      let open = best(sums, 2, of: [0, 1, 2]).flatMap { [2 * $0, 2 * $0 + 1] }
      let mine = best(corrected, 2, of: open)
      chosen.append(mine)
      let sum = mine.map { row[$0] }.reduce(0, +)
      shares += row.map { $0 / sum * 2.5 }
    }
    let spec = spec(router)
    let want = dense(spec, chosen, Tensor(shares, shape: [14, 6]))
    #expect(near(run(spec, x, weights()), want))
  }

  @Test("gradients are those of all experts with zeros")
  func gradients() {
    let spec = spec(RouterSpec(score: .softmax, chosenCount: 2, hasBias: true))
    let rows = logits().split(count: 14, alongAxis: 0).map { $0.elements(as: Float.self) }
    let chosen = rows.map { best($0, 2, of: Array(0..<6)) }
    var generator = RandomGenerator(seed: 9)
    let upstream = generator.normal([2, 7, 10])
    let paths =
      ["experts.router.weight", "experts.router.bias"]
      + ["gate", "up", "down"].flatMap { ["experts.2.\($0).weight", "experts.3.\($0).bias"] }
    func gradients(_ result: (Tensor, WeightLookup) -> Tensor) -> [Tensor] {
      let tape = Tape()
      let x = tape.watch(self.x)
      let watched = Dictionary(
        uniqueKeysWithValues: paths.map { ($0, tape.watch(weights()($0, 0))) })
      let loss = (result(x, weights(watched)) * upstream).sum()
      return tape.gradients(of: loss, for: [x] + paths.compactMap { watched[$0] })
    }
    let got = gradients { run(spec, $0, $1) }
    let want = gradients { x, lookup in
      let logits = linear(
        x.reshaped(to: [14, 10]), weight: lookup("experts.router.weight", 0),
        bias: lookup("experts.router.bias", 0))
      return dense(spec, chosen, logits.softmax(), x, lookup)
    }
    for (name, (got, want)) in zip(["x"] + paths, zip(got, want)) {
      let largest = want.abs().max().item(as: Float.self)
      #expect(largest > 0, "\(name)")
      #expect((got - want).abs().max().item(as: Float.self) < 1e-5 * largest, "\(name)")
    }
  }

  @Test("an expert that nobody chose is not computed")
  func idle() {
    let spec = spec(RouterSpec(score: .softmax, chosenCount: 2, hasBias: true))
    let broken = ["gate", "up", "down"].reduce(into: [String: Tensor]()) {
      $0["experts.4.\($1).bias"] = Tensor(repeating: Float.nan, shape: [$1 == "down" ? 10 : 6])
    }
    var bias: [Float] = weights()("experts.router.bias", 0).elements()
    bias[4] = -1000
    let router = ["experts.router.bias": Tensor(bias)]
    let result: [Float] = run(spec, x, weights(broken.merging(router) { $1 })).elements()
    #expect(!result.contains { !$0.isFinite })
  }

  @Test("a token has the same bits alone, in a batch, and packed")
  func sameBits() {
    let spec = spec(RouterSpec(score: .softmax, chosenCount: 3, hasBias: true), shared: true)
    let together = run(spec, x, weights(), packing: .float32)
    #expect(
      together.elements(as: Float.self) == run(spec, x, weights()).elements(as: Float.self))
    for t in 0..<7 {
      let token = x.sliced(axis: 0, range: 1..<2).sliced(axis: 1, range: t..<t + 1)
      let alone: [Float] = run(spec, token, weights(), packing: .float32).elements()
      let among = together.sliced(axis: 0, range: 1..<2).sliced(axis: 1, range: t..<t + 1)
      #expect(alone == among.elements(as: Float.self))
    }
  }
}
