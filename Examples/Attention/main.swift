// What the README shows, compiled and run: `swift run AttentionExample`. The README's snippet is the
// text between the two lines of dashes, letter by letter; a test compares them. `Inputs.swift` makes
// the tensors.

// -----------------------------------------------------------------------------------------------
import HeedAttention
import HeedTensor

// queries [B, H, T, D], keys and values [B, G, S, D]: any mask, no matrix of weights.
let probe = AttentionProbe()
let out = attention(q, k, v, mask: .causal & .window(left: 255, right: 0), probe: probe)
let weights = probe.records[0].weights(batch: 0, head: 3)  // [T, S], exact, computed now

// Gradients.
let tape = Tape()
let w = tape.watch(weight)
let loss = crossEntropy(linear(x, weight: w), targets: ids)
let gradient = tape.gradients(of: loss, for: [w])[0]

// Your own change of the scores: written once, vectorised forward, differentiated backward.
struct Near: ScoreChange {
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    score - (place.query - place.key).absolute * S(0.1)
  }
}
let near = attention(q, k, v, rule: ScoreRule(Near()))
// -----------------------------------------------------------------------------------------------

print("attention", out.shape, "weights of one head", weights.shape)
print("loss", loss.item(as: Float.self), "gradient", gradient.shape)
print("with a rule", near.shape)
