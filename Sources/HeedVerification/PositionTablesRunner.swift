import HeedAttention
import HeedFormats
import HeedTensor

/// Sinusoidal tables (`ops_position/sinusoidal`).
struct SinusoidalRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let width = referenceCase.integer("dim") ?? 0
    let count = referenceCase.integer("positions") ?? 0
    let kind = referenceCase.text("kind") ?? ""
    switch kind {
    case "vaswani", "gptj":
      let table = SinusoidalTable(
        width: width, layout: kind == "gptj" ? .halves : .interleaved,
        base: referenceCase.number("base") ?? 10_000)
      return ["table": table.rows(count: count, from: referenceCase.integer("offset") ?? 0)]
    case "marian":
      return ["table": SinusoidalTable(width: width, layout: .halves).rows(count: count)]
    case "whisper":
      return [
        "table": SinusoidalTable(width: width, layout: .halves, frequencyShift: 1)
          .rows(count: count)
      ]
    case "m2m100":
      // The row of the padding is zero.
      let table = SinusoidalTable(width: width, layout: .halves, frequencyShift: 1)
      let keep = (0..<count).map { $0 == referenceCase.integer("padding_idx") ? Float(0) : 1 }
      return ["table": table.rows(count: count) * Tensor(keep, shape: [count, 1])]
    case "timestep":
      let table = SinusoidalTable(
        width: width, layout: referenceCase.flag("flip_sin_to_cos") ? .cosinesFirst : .halves,
        base: referenceCase.number("max_period") ?? 10_000,
        frequencyShift: referenceCase.number("downscale_freq_shift") ?? 0)
      let steps = try referenceCase.input("timesteps").elements(as: Float.self)
      let scale = referenceCase.number("scale") ?? 1
      return ["embedding": table.rows(steps.map { Double($0) * scale })]
    case "sincos2d":
      let lengths = referenceCase.attributes["grid"]?.array?.compactMap(\.integer) ?? []
      let base = referenceCase.number("base_size") ?? 1
      let scale = referenceCase.number("interpolation_scale") ?? 1
      let places = lengths.map { length in
        (0..<length).map { Double($0) / (Double(length) / base) / scale }
      }
      guard places.count == 2 else { throw Unsupported("grids of \(lengths.count) axes") }
      let table = SinusoidalTable(width: width / 2, layout: .halves)
      return ["table": table.grid(heights: places[0], widths: places[1])]
    default: throw Unsupported("sinusoidal tables of the kind \(kind)")
    }
  }
}

/// Slopes and biases of ALiBi (`ops_position/alibi`).
struct AlibiRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let heads = referenceCase.integer("heads") ?? 1
    if referenceCase.text("kind") == "alibi_bloom" {
      let mask = integerRows(try referenceCase.input("attention_mask"))
      return ["alibi": alibiKeyBias(headCount: heads, isToken: mask.map { $0.map { $0 != 0 } })]
    }
    let slopes = Tensor(alibiSlopes(headCount: heads))
    let (T, S) = (referenceCase.integer("q_len") ?? 0, referenceCase.integer("kv_len") ?? 0)
    // What attention adds to scores: with queries of zero the weights are the softmax of the bias.
    let distances = (0..<T).flatMap { t in (0..<S).map { Float(-abs(t + S - T - $0)) } }
    let bias = slopes.reshaped(to: [heads, 1, 1]) * Tensor(distances, shape: [T, S])
    return ["slopes": slopes, "bias": bias]
  }
}

/// Buckets and biases of T5 (`ops_position/t5_bias`).
struct RelativeBucketsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let buckets = RelativeBuckets(
      count: referenceCase.integer("num_buckets") ?? 32,
      maximumDistance: referenceCase.integer("max_distance") ?? 128,
      isBidirectional: referenceCase.flag("bidirectional"))
    let (T, S) = (referenceCase.integer("q_len") ?? 0, referenceCase.integer("kv_len") ?? 0)
    let offset = referenceCase.integer("offset") ?? 0
    let numbers = (0..<T).flatMap { t in (0..<S).map { Int64(buckets.bucket($0 - t - offset)) } }
    let table = try referenceCase.input("table")
    let bias = buckets.bias(table: table, queryCount: T, keyCount: S, queryOffset: offset)
    return [
      "buckets": Tensor(numbers, shape: [T, S]),
      "bias": bias.reshaped(to: [table.shape[1], T, S]),
    ]
  }
}
