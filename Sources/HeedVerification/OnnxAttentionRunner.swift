import HeedAttention
import HeedFormats
import HeedTensor

/// The node tests of ONNX `Attention` (opset 23 and later).
struct OnnxAttentionRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let input = try referenceCase.input("Q")
    let isFlat = input.rank == 3
    let q = heads(input, referenceCase.integer("q_num_heads"))
    var k = heads(try referenceCase.input("K"), referenceCase.integer("kv_num_heads"))
    var v = heads(try referenceCase.input("V"), referenceCase.integer("kv_num_heads"))
    if let past = referenceCase.inputs["past_key"] { k = past.concatenated(with: k, alongAxis: 2) }
    if let past = referenceCase.inputs["past_value"] {
      v = past.concatenated(with: v, alongAxis: 2)
    }
    let parts = try Parts(referenceCase, queryCount: q.shape[2], keyCount: k.shape[2])
    let scale = referenceCase.number("scale").map { Float($0) }
    let softCap = referenceCase.number("softcap").flatMap { $0 == 0 ? nil : Float($0) }
    let probe = AttentionProbe()
    var output = attention(
      q, k, v, scale: scale, mask: parts.mask, bias: parts.bias, softCap: softCap, probe: probe)
    if isFlat {
      output = output.transposed(permutation: [0, 2, 1, 3])  // [B, T, H, D]
        .reshaped(to: [q.shape[0], q.shape[2], -1])
    }
    var results = ["Y": output, "present_key": k, "present_value": v]
    if referenceCase.wants("qk_matmul_output"), let record = probe.records.first {
      results["qk_matmul_output"] = try scores(
        referenceCase, q, k, scale: scale, softCap: softCap, bias: parts.bias, record)
    }
    return results
  }

  /// `[B, T, H D]` as `[B, H, T, D]`; four axes stay as they are.
  private func heads(_ x: Tensor, _ count: Int?) -> Tensor {
    guard x.rank == 3, let count else { return x }
    return x.reshaped(to: [x.shape[0], x.shape[1], count, x.shape[2] / count])
      .transposed(permutation: [0, 2, 1, 3])
  }

  /// What the operator gives beside its result: scores (0), after the soft cap (1), after the bias
  /// (2), or the weights (3).
  private func scores(
    _ referenceCase: ReferenceCase, _ q: Tensor, _ k: Tensor, scale: Float?, softCap: Float?,
    bias: Tensor?, _ record: AttentionRecord
  ) throws -> Tensor {
    let mode = referenceCase.integer("qk_matmul_output_mode") ?? 0
    if mode == 3 { return record.allWeights }
    guard q.shape[1] == k.shape[1] else { throw Unsupported("scores of shared heads") }
    let factor = Double(scale ?? 1 / Float(q.shape[3]).squareRoot())
    var scores = q.matrixProduct(k.transposed()) * factor  // [B, H, T, S]
    if mode >= 1, let softCap { scores = (scores / Double(softCap)).tanh() * Double(softCap) }
    if mode >= 2 {
      if let bias { scores = scores + bias }
      if referenceCase.flag("is_causal") {
        let hidden = record.allWeights.elements(as: Float.self).map { $0 == 0 }
        scores = scores.replacing(
          with: -Double.infinity, where: Tensor(hidden, shape: scores.shape))
      }
    }
    return scores
  }
}

/// Masks of the operator in Heed's terms.
private struct Parts {
  var mask: Mask = .none
  var bias: Tensor?

  init(_ referenceCase: ReferenceCase, queryCount T: Int, keyCount S: Int) throws {
    let lengths = referenceCase.inputs["nonpad_kv_seqlen"]?.integers("nonpad_kv_seqlen")
    if let lengths { mask = mask & .keyLengths(lengths) }
    // Where the first query stands: behind the past, or so that the last one stands at the last
    // key that is no padding.
    let past = referenceCase.inputs["past_key"]?.shape[2] ?? 0
    let offsets = lengths.map { $0.map { $0 - T } }
    let left = referenceCase.integer("left_window_size").flatMap { $0 < 0 ? nil : $0 }
    var right = referenceCase.integer("right_window_size").flatMap { $0 < 0 ? nil : $0 }
    if referenceCase.flag("is_causal") { right = 0 }
    if left != nil || right != nil {
      let ranges = (offsets ?? [past]).map { offset in
        (0..<T).map { query -> Range<Int> in
          let low = max(0, left.map { query + offset - $0 } ?? 0)
          return low..<max(low, right.map { query + offset + $0 + 1 } ?? S)
        }
      }
      mask = mask & .ranges(ranges)
    }
    guard let given = referenceCase.inputs["attn_mask"] else { return }
    // Keys behind the end of the mask are hidden.
    let absent = S - given.shape[given.rank - 1]
    if absent > 0 { mask = mask & .predicate { _, _, _, key in key < S - absent } }
    if given.elementType == .bool {
      mask = mask & .dense(absent > 0 ? Self.extended(given, absent) : given)
    } else {
      bias = absent > 0 ? Self.extended(given, absent) : given
    }
  }

  private static func extended(_ mask: Tensor, _ count: Int) -> Tensor {
    let shape = mask.shape.dropLast() + [count]
    return mask.concatenated(with: Tensor(zeros: Array(shape), mask.elementType), alongAxis: -1)
  }
}

/// The node tests of ONNX `FlexAttention`.
struct OnnxFlexAttentionRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    if referenceCase.attributes["mask_mod"] != nil {
      throw Unsupported("programs of ONNX nodes as masks")
    }
    let rule = try referenceCase.attributes["score_mod"].map {
      ScoreRule(try OnnxScoreProgram($0).expression)
    }
    let output = attention(
      try referenceCase.input("Q"), try referenceCase.input("K"), try referenceCase.input("V"),
      scale: referenceCase.number("scale").map { Float($0) }, rule: rule)
    return ["Y": output]
  }
}

/// The node tests of ONNX `RotaryEmbedding`.
struct OnnxRotaryRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    var x = try referenceCase.input("input")
    let heads = referenceCase.integer("num_heads")
    let isFlat = x.rank == 3
    if isFlat, let heads {
      x = x.reshaped(to: [x.shape[0], x.shape[1], heads, x.shape[2] / heads])
        .transposed(permutation: [0, 2, 1, 3])
    }
    var cosines = try referenceCase.input("cos_cache")
    var sines = try referenceCase.input("sin_cache")
    if let positions = referenceCase.inputs["position_ids"] {
      (cosines, sines) = (
        cosines.gathered(atIndices: positions), sines.gathered(atIndices: positions)
      )  // [B, T, width / 2]
    }
    let rotary = Rotary(
      width: 2 * cosines.shape[cosines.rank - 1],
      pairing: referenceCase.flag("interleaved") ? .neighbours : .halves)
    let turned = rotary.apply(
      to: x, cosines: cosines.elements(as: Float.self), sines: sines.elements(as: Float.self))
    guard isFlat else { return ["output": turned] }
    let joined = turned.transposed(permutation: [0, 2, 1, 3])
      .reshaped(to: [x.shape[0], x.shape[2], -1])
    return ["output": joined]
  }
}
