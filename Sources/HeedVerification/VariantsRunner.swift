import HeedAttention
import HeedFormats
import HeedTensor

/// Masks, soft cap, sinks and normalised queries and keys (`ops_variants/masked_variants`).
struct MaskedVariantsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    var (q, k) = (try step.input("q"), try step.input("k"))
    let epsilon = referenceCase.number("eps") ?? 1e-6
    if referenceCase.flag("qk_norm") {
      q = q.rmsNorm(gain: step.optional("q_norm"), epsilon: epsilon)
      k = k.rmsNorm(gain: step.optional("k_norm"), epsilon: epsilon)
    }
    if referenceCase.flag("l2_norm") { (q, k) = (q.normalized(), k.normalized()) }
    let probe = AttentionProbe()
    let output = attention(
      q, k, try step.input("v"), scale: referenceCase.number("scale").map { Float($0) },
      mask: try mask(referenceCase),
      softCap: referenceCase.number("softcap").map { Float($0) }, sinks: step.optional("sinks"),
      probe: probe)
    var values = ["o": output]
    if let record = probe.records.first { values["weights"] = record.allWeights }
    return step.results(values, differentiated: "o")
  }

  private func mask(_ referenceCase: ReferenceCase) throws -> Mask {
    var mask: Mask = referenceCase.flag("causal") ? .causal : .none
    if let window = referenceCase.integer("window") {
      mask = mask & .causal & .window(left: window - 1, right: 0)
    }
    if let sides = referenceCase.attributes["window_lr"]?.array, sides.count == 2 {
      mask = mask & .window(left: sides[0].integer, right: sides[1].integer)
    }
    if let length = referenceCase.integer("chunk") { mask = mask & .chunks(of: length) & .causal }
    if let lengths = referenceCase.attributes["prefix"]?.array {
      mask = .prefix(lengths.compactMap(\.integer)) | .causal
    }
    if let documents = referenceCase.inputs["document_ids"].map(integerRows) {
      mask = mask & .documents(queries: documents, keys: documents)
    }
    if let lengths = referenceCase.inputs["kv_lengths"] {
      mask = mask & .keyLengths(lengths.integers("kv_lengths"))
    }
    return mask
  }
}

/// Sequences behind each other without padding (`ops_variants/packed_varlen`).
struct PackedSequencesRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let queryEnds = try step.input("cu_seqlens_q").integers("cu_seqlens_q")
    let keyEnds = try step.input("cu_seqlens_k").integers("cu_seqlens_k")
    let window = referenceCase.integer("window")
    let isCausal = referenceCase.flag("causal") || window != nil
    let mask = Mask.packedDocuments(
      queries: queryEnds, keys: keyEnds, left: window.map { $0 - 1 }, right: isCausal ? 0 : nil)
    func heads(_ name: String) throws -> Tensor {
      let x = try step.input(name)  // [T, H, D]
      return x.transposed(permutation: [1, 0, 2])
        .reshaped(to: [1, x.shape[1], x.shape[0], x.shape[2]])  // [1, H, T, D]
    }
    let probe = AttentionProbe()
    let output = attention(
      try heads("q"), try heads("k"), try heads("v"), mask: mask, probe: probe)
    let rows = output.reshaped(to: Array(output.shape.dropFirst()))
      .transposed(permutation: [1, 0, 2])  // [T, H, D]
    var values = ["o": rows]
    if let record = probe.records.first {
      values["lse"] = record.logSumExp.reshaped(to: [output.shape[1], output.shape[2]])
    }
    return step.results(values, differentiated: "o")
  }
}

/// Decoding with caches (`ops_variants/kv_cache_decode`): the result of one pass over everything.
struct CacheRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    if let pageSize = referenceCase.integer("page_size") {
      return try paged(referenceCase, pageSize: pageSize)
    }
    let names = ["q", "k", "v"]
    let whole = try names.map { try referenceCase.input($0) }
    let chunks = referenceCase.attributes["chunks"]?.array?.compactMap(\.integer) ?? []
    var cache = KeyValueCache()
    var mask: Mask = .causal
    if let window = referenceCase.integer("window") {
      // A chunk's first query still sees the keys of its own window.
      cache = KeyValueCache(policy: .window(window - 1 + (chunks.max() ?? 1)))
      mask = mask & .window(left: window - 1, right: 0)
    }
    var outputs: [Tensor] = []
    var start = 0
    for count in chunks {
      let parts = whole.map { $0.sliced(axis: 2, range: start..<start + count) }
      cache.append(keys: parts[1], values: parts[2])
      outputs.append(
        attention(parts[0], cache.keys ?? parts[1], cache.values ?? parts[2], mask: mask))
      start += count
    }
    return ["o": Tensor(concatenating: outputs, alongAxis: 2)]
  }

  /// The same with pages, taken in the order of the reference's table.
  private func paged(
    _ referenceCase: ReferenceCase, pageSize: Int
  ) throws -> [String: Tensor] {
    let (q, k, v) = (
      try referenceCase.input("q"), try referenceCase.input("k"), try referenceCase.input("v")
    )
    let pageCount = referenceCase.integer("pages") ?? 0
    let table = referenceCase.attributes["block_table"]?.array?.compactMap(\.integer) ?? []
    /// What lies in unused places must not matter.
    func pages(_ x: Tensor) -> Tensor {
      Tensor(repeating: Float(1e4), shape: [pageCount, x.shape[1], pageSize, x.shape[3]])
    }
    var cache = PagedKeyValueCache(
      keys: pages(k), values: pages(v),
      order: table + (0..<pageCount).filter { !table.contains($0) })
    var sequence = PagedSequence()
    var outputs: [Tensor] = []
    for count in referenceCase.attributes["chunks"]?.array?.compactMap(\.integer) ?? [] {
      let range = sequence.count..<sequence.count + count
      try cache.append(
        keys: k.sliced(axis: 2, range: range), values: v.sliced(axis: 2, range: range),
        to: &sequence)
      outputs.append(attention(q.sliced(axis: 2, range: range), cache, [sequence]))
    }
    // The reference has the heads of a position together.
    return [
      "o": Tensor(concatenating: outputs, alongAxis: 2),
      "k_pages": cache.keys.transposed(permutation: [0, 2, 1, 3]),
      "v_pages": cache.values.transposed(permutation: [0, 2, 1, 3]),
    ]
  }
}
