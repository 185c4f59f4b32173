import HeedAttention
import HeedBlocks
import HeedTensor
import HeedTestSupport
import Synchronization
import Testing

@Suite("Block")
struct BlockTests {
  private let x: Tensor
  private let weights: WeightLookup

  init() {
    var generator = RandomGenerator(seed: 8)
    x = generator.normal([1, 3, 6])
    weights = WeightLookup { path, layer in
      let shape =
        path.hasSuffix(".weight")
        ? (path.contains(".down.") ? [6, 4] : [4, 6]) : [6]
      var generator = RandomGenerator(seed: path.utf8.reduce(UInt64(1)) { $0 &* 31 &+ UInt64($1) })
      return generator.normal(shape)
    }
  }

  private let operation = OperationSpec.feedForward(
    FeedForwardSpec(hiddenWidth: 4, activation: .relu, form: .plain))

  private func run(_ spec: BlockSpec) -> Tensor {
    var context = BlockContext(mask: .none, positions: [0, 1, 2])
    return Block(spec, layer: 0, weights)(x, context: &context)
  }

  private func feedForward(_ x: Tensor) -> Tensor {
    let up = linear(x, weight: weights("feedForward.up.weight", 0))
    return linear(up.activated(.relu), weight: weights("feedForward.down.weight", 0))
  }

  @Test("norms after the sum of a parallel block are applied to it")
  func parallelAfterNorm() {
    let norm = NormSpec.rms(epsilon: 1e-6)
    let got = run(
      BlockSpec([BranchSpec(operation: operation, afterNorm: norm)], arrangement: .parallel()))
    let want = (x + feedForward(x)).rmsNorm(gain: weights("feedForward.afterNorm.gain", 0))
    #expect(got.elements(as: Float.self) == want.elements(as: Float.self))
  }

  @Test("a layer scale multiplies what its branch adds, channel by channel, behind its norm")
  func layerScale() {
    let norm = NormSpec.rms(epsilon: 1e-6)
    let branch = BranchSpec(operation: operation, outputNorm: norm, gate: .layerScale(start: 0.1))
    let got = run(BlockSpec([branch]))
    let part = feedForward(x).rmsNorm(gain: weights("feedForward.outputNorm.gain", 0))
    let want = x + part * weights("feedForward.layerScale", 0)
    #expect(got.elements(as: Float.self) == want.elements(as: Float.self))
    let slots = BlockSpec([branch]).slots(layer: 3, width: 6)
    #expect(
      slots.contains(
        WeightSlot("feedForward.layerScale", layer: 3, shape: [6], start: .constant(0.1))))
  }

  @Test("a watch is told what each weight is multiplied by, and changes no bit")
  func watch() {
    let seen = Mutex<[String: [Float]]>([:])
    let watched = WeightLookup(weights: weights.matrix) { path, layer, input in
      seen.withLock { $0["\(path) \(layer ?? -1)"] = input.elements() }
    }
    let spec = BlockSpec([BranchSpec(operation: operation)])
    var context = BlockContext(mask: .none, positions: [0, 1, 2])
    let got = Block(spec, layer: 0, watched)(x, context: &context)
    #expect(got.elements(as: Float.self) == run(spec).elements(as: Float.self))
    let hidden = linear(x, weight: weights("feedForward.up.weight", 0)).activated(.relu)
    #expect(
      seen.withLock { $0 } == [
        "feedForward.up.weight 0": x.elements(), "feedForward.down.weight 0": hidden.elements(),
      ])
  }

  @Test("gradients of a layer scale and of what it multiplies are those of differences")
  func layerScaleGradients() {
    let branch = BranchSpec(operation: operation, gate: .layerScale(start: 0.1))
    let names = ["feedForward.up.weight", "feedForward.down.weight", "feedForward.layerScale"]
    let inputs = ([x] + names.map { weights($0, 0) }).map { $0.converted(to: .float64) }
    var generator = RandomGenerator(seed: 9)
    let upstream = generator.normal([1, 3, 6]).converted(to: .float64)
    let errors = gradientErrors(inputs, upstream: upstream) { tensors in
      let lookup = WeightLookup { path, _ in tensors[1 + (names.firstIndex(of: path) ?? 0)] }
      var context = BlockContext(mask: .none, positions: [0, 1, 2])
      return Block(BlockSpec([branch]), layer: 0, lookup)(tensors[0], context: &context)
    }
    for error in errors { #expect(error < differenceTolerance) }
  }

  @Test("branches of a parallel block read through one norm")
  func sharedNorm() {
    let norm = NormSpec.rms(epsilon: 1e-6)
    let branch = BranchSpec(operation: operation)
    let got = run(BlockSpec([branch, branch], arrangement: .parallel(inputNorm: norm)))
    let part = feedForward(x.rmsNorm(gain: weights("block.inputNorm.gain", 0)))
    let want = x + part + part
    #expect(got.elements(as: Float.self) == want.elements(as: Float.self))
  }
}
