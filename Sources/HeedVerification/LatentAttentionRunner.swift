import HeedAttention
import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor

/// Multi-head latent attention (`ops_variants/mla`), in the expanded form with its gradients. The
/// absorbed form has to give the same: a case fails when it does not.
struct LatentAttentionRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let config = ConfigReader(
      referenceCase.attributes["config"] ?? .object(JSONObject()), place: referenceCase.name)
    var rotary = try config.rotary(
      width: config.count("qk_rope_head_dim"),
      contextLength: config.count("max_position_embeddings"))
    let isInterleaved = try config.flag("rope_interleave", default: true)
    rotary.pairing = isInterleaved ? .neighbours : .halves
    let layer = LatentAttention(
      headCount: try config.count("num_attention_heads"),
      plainWidth: try config.count("qk_nope_head_dim"),
      valueWidth: try config.count("v_head_dim"), rotary: rotary,
      epsilon: try config.number("rms_norm_eps", default: 1e-6)
    ) { step.optional("w.\($0)") }
    let x = try step.input("x")
    let positions = integerRows(try step.input("position_ids")).flatMap { $0 }
    let probe = AttentionProbe()
    let output = layer(x, positions: positions, probe: probe)
    var (latent, rotaryKey) = layer.latents(x, positions: positions)
    if isInterleaved {
      // The reference keeps both members of the pairs in two halves.
      let (B, T, R) = (rotaryKey.shape[0], rotaryKey.shape[1], rotaryKey.shape[2])
      rotaryKey = rotaryKey.reshaped(to: [B, T, R / 2, 2]).transposed().reshaped(to: [B, T, R])
    }
    latent = latent.detached()
    var values = [
      "o": output, "cache_latent": latent, "cache_k_rope": rotaryKey,
      "scaling": Tensor(scalar: layer.scale),
    ]
    if let record = probe.records.first { values["weights"] = record.allWeights }
    try requireAbsorbedForm(layer, x.detached(), referenceCase)
    return step.results(values, differentiated: "o")
  }

  /// Token by token on a cache, against the expected output.
  private func requireAbsorbedForm(
    _ layer: LatentAttention, _ x: Tensor, _ referenceCase: ReferenceCase
  ) throws {
    guard let want = referenceCase.outputs["o"] else { return }
    var cache = LatentCache()
    let rows = (0..<x.shape[1]).map {
      layer(x.sliced(axis: 1, range: $0..<$0 + 1), cache: &cache).detached()
    }
    let comparison = Comparison(
      name: "o", got: Tensor(concatenating: rows, alongAxis: 1), want: want,
      tolerance: referenceCase.tolerance)
    guard comparison.passes else {
      throw FormatError(
        .inconsistent, what: "the absorbed form is off by \(comparison.largestError)",
        place: referenceCase.name)
    }
  }
}
