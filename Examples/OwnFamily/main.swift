// A family that Heed does not know, added from outside the package in one file: how its config
// becomes a spec, what its files call the weights, and a registry with it beside all others.
//
//     swift run OwnFamily
//
// "Peppercorn" is made up: Llama's attention beside a plain feed-forward layer, both behind one norm,
// logits softly capped, and names of weights in a style of their own.

import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor

// 1. From config.json to the spec, and the table of names.
let peppercorn = ModelFamily(
  "peppercorn",
  weights: WeightMap(
    [.init("embedding.weight", "words")]
      + WeightMap.norm("block.inputNorm", "floor.{}.norm")
      + WeightMap.linear("attention.input", "floor.{}.look")
      + WeightMap.linear("attention.output", "floor.{}.tell")
      + WeightMap.linear("feedForward.up", "floor.{}.think", .columns)
      + WeightMap.linear("feedForward.down", "floor.{}.decide", .columns)
      + WeightMap.norm("finalNorm", "roof"))
) { reader throws(FormatError) in
  let frame = try reader.frame(
    "Peppercorn", width: ["width"], layers: ["floors"], context: "horizon", contextLength: 64,
    norm: .rms(epsilon: 1e-6), isHeadTied: true)
  let heads = try reader.heads("heads", in: frame)
  let attention = SelfAttentionSpec(
    headCount: heads.count, headWidth: heads.width,
    rotary: try reader.rotary(width: heads.width, contextLength: frame.contextLength),
    isFused: true)
  let feedForward = FeedForwardSpec(
    hiddenWidth: try reader.count("thoughts", default: 4 * frame.width),
    activation: try reader.activation("mood", default: "mish"), form: .plain)
  var spec = frame.spec { _ in
    BlockSpec(
      [.init(operation: .selfAttention(attention)), .init(operation: .feedForward(feedForward))],
      arrangement: .parallel(inputNorm: frame.norm))
  }
  spec.logitSoftCap = 30
  return spec
}

// 2. A registry: all families of the package, and this one.
let registry = FamilyRegistry(FamilyRegistry.standard.families + [peppercorn])

// 3. What `LanguageModel(folder:registry:)` does with a folder, here without one: fresh weights.
let config: JSONValue = [
  "model_type": "peppercorn", "width": 32, "heads": 4, "floors": 2, "vocab_size": 48,
]
let family = try registry.family(for: config, place: "config.json")
let spec = try family.spec(config, "config.json")
print(spec.summary)

let (binding, parameters) = family.weights(spec).freshParameters(of: spec, seed: 1)
let model = LanguageModel(spec: spec, binding: binding, parameters: parameters)
print("\ntensors      \(binding.names.prefix(4).joined(separator: ", ")), ...")

var cache = model.emptyCache()
let logits = model.forward([[3, 1, 4, 1, 5]], cache: &cache).logits
let next = logits.sliced(axis: 1, range: 4..<5).argmax().elements(as: Int64.self)[0]
print("logits       \(logits.shape), the most likely next token is \(next)")
