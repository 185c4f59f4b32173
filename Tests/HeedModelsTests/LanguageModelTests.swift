import HeedAttention
import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Language model")
struct LanguageModelTests {
  private let ids = [[3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9, 7]]

  @Test("a later token never changes the logits of an earlier one", arguments: SmallConfig.all)
  func causality(config: JSONValue) throws {
    let model = try smallModel(config)
    var changed = ids
    changed[0][5] = 11
    let (before, after) = (model.logits(ids), model.logits(changed))
    let early = { (x: Tensor) in bits(x.sliced(axis: 1, range: 0..<5)) }
    #expect(early(before) == early(after))
    #expect(bits(before) != bits(after))
  }

  @Test(
    "one token after the other with a cache gives the bits of all at once",
    arguments: SmallConfig.all)
  func cache(config: JSONValue) throws {
    let model = try smallModel(config)
    var options = LanguageModel.Options()
    options.keepsBitsInPieces = true
    let whole = model.logits(ids, options: options)
    for growing in [false, true] {
      // Windows forget what they cannot see, or not: the same bits.
      var cache = growing ? model.spec.blocks.map { _ in KeyValueCache() } : model.emptyCache()
      var parts: [Tensor] = []
      for range in [0..<3, 3..<4, 4..<7] {
        let piece = ids.map { Array($0[range]) }
        parts.append(model.forward(piece, cache: &cache, options: options).logits)
      }
      #expect(bits(Tensor(concatenating: parts, alongAxis: 1)) == bits(whole))
      #expect(cache.first?.position == 7)
    }
  }

  @Test(
    "logits of the last positions alone have the bits that they have among all",
    arguments: SmallConfig.all + [
      SmallConfig.gpt2.with(("n_embd", 96)),  // queries are whole panels of their weight
      SmallConfig.llama.with(("head_dim", 16), ("hidden_size", 64)),
    ], [ProductPrecision.float32, .bfloat16])
  func lastPositions(config: JSONValue, precision: ProductPrecision) throws {
    for packed in [true, false] {
      let model = try smallModel(config, packed: packed, precision: precision)
      var options = LanguageModel.Options()
      let whole = model.logits(ids, options: options)
      for count in [1, 3, 7] {
        options.lastCount = count
        let last = bits(whole.sliced(axis: 1, range: 7 - count..<7))
        #expect(bits(model.logits(ids, options: options)) == last)
        // Beside hidden states nothing is left out.
        var all = options
        all.keepsHiddenStates = true
        var none: [KeyValueCache] = []
        let output = model.forward(ids, cache: &none, options: all)
        #expect(bits(output.logits) == last)
        #expect(output.hiddenStates.last?.shape[1] == 7)
      }
      // Behind a cache, and what the last block leaves there.
      options.keepsBitsInPieces = true
      options.lastCount = nil
      let pieces = [0..<2, 2..<6, 6..<7].map { range in ids.map { Array($0[range]) } }
      var (cache, other) = (model.emptyCache(), model.emptyCache())
      for piece in pieces {
        let want = model.forward(piece, cache: &cache, options: options).logits
        var last = options
        last.lastCount = 1
        let got = model.forward(piece, cache: &other, options: last).logits
        let T = want.shape[1]
        #expect(bits(got) == bits(want.sliced(axis: 1, range: T - 1..<T)))
      }
    }
  }

  @Test(
    "an 8-bit cache gives the same bits at once and in pieces, and other bits than a float32 one",
    arguments: SmallConfig.all)
  func smallCache(config: JSONValue) throws {
    let model = try smallModel(config)
    var options = LanguageModel.Options()
    options.keepsBitsInPieces = true
    var cache = model.emptyCache(elementType: .int8)
    let whole = model.forward(ids, cache: &cache, options: options).logits
    cache = model.emptyCache(elementType: .int8)
    let parts = [0..<3, 3..<4, 4..<7].map { range in
      model.forward(ids.map { Array($0[range]) }, cache: &cache, options: options).logits
    }
    #expect(bits(Tensor(concatenating: parts, alongAxis: 1)) == bits(whole))
    #expect(bits(whole) != bits(model.logits(ids, options: options)))
  }

  @Test(
    "sequences of different lengths side by side get the bits that each gets alone",
    arguments: SmallConfig.all, [ElementType.float32, .int8])
  func sequences(config: JSONValue, cacheType: ElementType) throws {
    let model = try smallModel(config)
    var options = LanguageModel.Options()
    options.keepsBitsInPieces = true
    let texts = [[3, 1, 4, 1, 5, 9, 2], [6, 5], [3, 5, 8, 9]]
    var together = texts.map { _ in model.emptyCache(elementType: cacheType) }
    var alone = together
    for (row, text) in texts.enumerated() {
      _ = model.forward([text], cache: &together[row], options: options)
      _ = model.forward([text], cache: &alone[row], options: options)
    }
    for piece in [[[7], [0], [2]], [[1, 2], [3, 4], [5, 6]]] {
      let got = model.forward(piece, sequences: &together, options: options).logits
      for row in texts.indices {
        let want = model.forward([piece[row]], cache: &alone[row], options: options).logits
        #expect(bits(got.sliced(axis: 0, range: row..<row + 1)) == bits(want))
      }
    }
    #expect(together.map { $0.first?.position } == [10, 5, 7])
  }

  @Test(
    "a left-padded batch with a cache gives what each sequence gives alone",
    arguments: SmallConfig.all)
  func paddedCache(config: JSONValue) throws {
    let model = try smallModel(config)
    var cache = model.emptyCache()
    var options = LanguageModel.Options()
    var padded: [Tensor] = []
    for (range, positions) in [(0..<5, [0, 0, 0, 1, 2]), (5..<6, [3]), (6..<7, [4])] {
      options.visibleKeys = [(0..<range.upperBound).map { $0 >= 2 }]
      options.positions = positions
      padded.append(model.forward([Array(ids[0][range])], cache: &cache, options: options).logits)
    }
    let got = Tensor(concatenating: padded, alongAxis: 1).sliced(axis: 1, range: 2..<7)
    let want = model.logits([Array(ids[0][2...])])
    // The same sums over other places of a block: equal up to the order of a few additions.
    let largest = want.abs().max().item(as: Float.self)
    #expect((got - want).abs().max().item(as: Float.self) <= 1e-5 * max(1, largest))
  }

  @Test("both forms of latent attention give the same logits up to rounding")
  func latentForms() throws {
    let model = try smallModel(SmallConfig.deepSeekV3)
    guard case .latentAttention(let spec) = model.spec.blocks[0].branches[0].operation else {
      Issue.record("no latent attention")
      return
    }
    let long = [(0..<spec.expandedFrom + 3).map { $0 * 5 % 17 }]
    var options = LanguageModel.Options()
    let expanded = model.logits(long, options: options)
    options.keepsBitsInPieces = true
    let absorbed = model.logits(long, options: options)
    #expect(bits(expanded) != bits(absorbed))
    #expect((expanded - absorbed).abs().max().item(as: Float.self) < 1e-4)
  }

  @Test("a sequence has the same bits alone and in a batch", arguments: SmallConfig.all)
  func batch(config: JSONValue) throws {
    let model = try smallModel(config)
    let together = model.logits(ids)
    for row in 0..<2 {
      #expect(
        bits(model.logits([ids[row]])) == bits(together.sliced(axis: 0, range: row..<row + 1)))
    }
  }

  @Test("looking changes no bit and sees every layer", arguments: SmallConfig.all)
  func probe(config: JSONValue) throws {
    let model = try smallModel(config)
    let probe = AttentionProbe()
    var options = LanguageModel.Options()
    options.probe = probe
    #expect(bits(model.logits(ids, options: options)) == bits(model.logits(ids)))
    #expect(probe.records.count == model.spec.blocks.count)
  }

  @Test("packed weights give the bits of plain ones", arguments: SmallConfig.all)
  func packing(config: JSONValue) throws {
    let packed = try smallModel(config, packed: true)
    let plain = try smallModel(config, packed: false)
    #expect(bits(packed.logits(ids)) == bits(plain.logits(ids)))
  }

  @Test("padding on the left changes nothing but the place", arguments: SmallConfig.all)
  func padding(config: JSONValue) throws {
    let model = try smallModel(config)
    var options = LanguageModel.Options()
    options.visibleKeys = [[false, false, true, true, true]]
    options.positions = [0, 0, 0, 1, 2]
    let padded = model.logits([[0, 0, 3, 1, 4]], options: options)
    let plain = model.logits([[3, 1, 4]])
    let got = padded.sliced(axis: 1, range: 2..<5).elements(as: Float.self)
    // The same sums over other places of a block: equal up to the order of a few additions.
    for (got, want) in zip(got, plain.elements(as: Float.self)) {
      #expect(abs(got - want) <= 1e-5 * max(1, abs(want)))
    }
  }

  @Test("bfloat16 products stay near float32 ones", arguments: SmallConfig.withoutExperts)
  func precision(config: JSONValue) throws {
    let exact = try smallModel(config).logits(ids).elements(as: Float.self)
    let rounded = try smallModel(config, precision: .bfloat16).logits(ids).elements(as: Float.self)
    let largest = exact.map(abs).max() ?? 0
    // 8 bits of mantissa, two layers: a few percent of the largest logit.
    for (exact, rounded) in zip(exact, rounded) { #expect(abs(exact - rounded) < 0.05 * largest) }
  }

  @Test(
    "a fresh model has every parameter of its spec and predicts about evenly",
    arguments: SmallConfig.all)
  func fresh(config: JSONValue) throws {
    let family = try FamilyRegistry.standard.family(for: config, place: "test")
    let spec = try family.spec(config, "test")
    let (binding, parameters) = family.weights(spec).freshParameters(of: spec, seed: 3)
    let model = LanguageModel(spec: spec, binding: binding, parameters: parameters)
    let loss = model.loss(
      ids.map { Array($0.dropLast()) }, targets: ids.map { Array($0.dropFirst()) })
    // ln 17 = 2.83; a gain that started at the wrong value would show.
    #expect(abs(loss.item(as: Float.self) - 2.83) < 0.2)
    let shared = Set(binding.names).count
    #expect(parameters.count == shared)
  }
}
