import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Synchronization
import Testing

@Suite("Conversions that are calibrated on a text")
struct CalibrationTests {
  /// A config whose matrices are whole blocks of 32.
  private static func wide(_ config: JSONValue) -> JSONValue {
    let widths: [(String, JSONValue)] = [
      ("n_embd", 64), ("hidden_size", 64), ("n_head", 4), ("num_attention_heads", 4),
      ("head_dim", 16), ("query_pre_attn_scalar", 16), ("intermediate_size", 96),
      ("moe_intermediate_size", 32), ("shared_expert_intermediate_size", 32),
      ("kv_lora_rank", 32), ("q_lora_rank", 32), ("qk_nope_head_dim", 32), ("v_head_dim", 8),
      ("n_positions", 64), ("partial_rotary_factor", 0.75),
    ]
    return widths.reduce(config) { config, width in
      config[width.0].map { $0.isNull } ?? true ? config : config.with(width)
    }
  }

  private static let llama = wide(SmallConfig.llama)

  private func text(_ count: Int, seed: UInt64 = 3) -> CalibrationText {
    CalibrationText(tokens(count, seed: seed), place: "text")
  }

  private func tokens(_ count: Int, seed: UInt64 = 3) -> [Int] {
    var generator = RandomGenerator(seed: seed)
    return generator.integers([count], in: 0..<17).elements(as: Int64.self).map { Int($0) }
  }

  private func inFolder(
    _ config: JSONValue, _ body: (String) throws -> Void
  ) throws {
    var (_, _, parameters) = try smallParameters(config)
    // Random corrections keep tokens away from some experts.
    for name in parameters.keys where name.hasSuffix("correction_bias") {
      parameters[name] = parameters[name].map { Tensor(zeros: $0.shape) }
    }
    try withModelFolder(config, parameters, body)
  }

  private func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try GGUFFile(path: path)
    var result: [String: [UInt8]] = [:]
    for name in file.tensorNames {
      let blocks = try file.blocks(named: name)
      result[name] = try blocks?.bytes.elements() ?? file.tensor(named: name).bytes
    }
    return result
  }

  @Test(
    "every matrix of every family is calibrated, with the same bytes from a folder and a file",
    arguments: GGUFModelTests.plain.map(wide))
  func families(config: JSONValue) throws {
    let text = text(600)
    try inFolder(config) { folder in
      let report = try ModelConversion.convert(
        folder, to: folder + "/a.gguf", type: .q4_0, calibration: text)
      #expect(report.uncalibrated.isEmpty, "\(report.uncalibrated)")
      try ModelConversion.convert(folder, to: folder + "/f32.gguf", type: .f32)
      try ModelConversion.convert(
        folder + "/f32.gguf", to: folder + "/b.gguf", type: .q4_0, calibration: text)
      try ModelConversion.convert(folder, to: folder + "/plain.gguf", type: .q4_0)
      let (a, b) = (try tensors(folder + "/a.gguf"), try tensors(folder + "/b.gguf"))
      let plain = try tensors(folder + "/plain.gguf")
      #expect(a == b && Set(a.keys) == Set(plain.keys))
      let file = try GGUFFile(path: folder + "/a.gguf")
      for (name, bytes) in a {
        guard case .blocks = file.entry(named: name)?.type else {
          #expect(bytes == plain[name], "\(name)")
          continue
        }
        let isPlain = name == "token_embd.weight" && file.entry(named: "output.weight") != nil
        #expect((bytes == plain[name]) == isPlain, "\(name)")
      }
    }
  }

  @Test(
    "on a text that it has not seen the model stays nearer to what it was",
    arguments: [ConversionType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0].map { (llama, $0) }
      + [(wide(SmallConfig.deepSeekV2), .q4_0)])
  func gain(config: JSONValue, type: ConversionType) throws {
    try inFolder(config) { folder in
      try ModelConversion.convert(folder, to: folder + "/plain.gguf", type: type)
      try ModelConversion.convert(
        folder, to: folder + "/made.gguf", type: type, calibration: text(1000))
      let unseen = [tokens(60, seed: 8), tokens(60, seed: 9)]
      let want = try LanguageModel(folder: folder).logits(unseen)
      func loss(_ name: String) throws -> Float {
        // As numbers, so that the products round nothing.
        try ModelConversion.convert(folder + name, to: folder + name + ".f32.gguf", type: .f32)
        let change = try LanguageModel(path: folder + name + ".f32.gguf").logits(unseen) - want
        return (change * change).mean().item()
      }
      #expect(try loss("/made.gguf") < 0.7 * loss("/plain.gguf"))
    }
  }

  @Test("the same bytes for any number of threads")
  func sameBytes() throws {
    try inFolder(Self.wide(SmallConfig.mixtral)) { folder in
      let files = try [1, 2, 3].map { threads in
        let path = folder + "/\(threads).gguf"
        try ThreadPool.withThreadCount(threads) {
          _ = try ModelConversion.convert(
            folder, to: path, type: .q4_1, calibration: text(400))
        }
        return FileManager.default.contents(atPath: path)
      }
      #expect(files[0] != nil && files[0] == files[1] && files[0] == files[2])
    }
  }

  @Test(
    "experts that few tokens reach, and layers wider than the text is long, are rounded plainly")
  func fewInputs() throws {
    try inFolder(Self.wide(SmallConfig.mixtral)) { folder in
      let report = try ModelConversion.convert(
        folder, to: folder + "/a.gguf", type: .q4_0, calibration: text(70))
      // About 35 tokens for each of eight experts.
      #expect(
        report.uncalibrated.map(\.description).sorted() == [
          "16 matrices of rows of 64 without calibration: fewer than 64 tokens of the text reached "
            + "each",
          "8 matrices of rows of 96 without calibration: fewer than 96 tokens of the text reached "
            + "each",
        ])
    }
  }

  @Test("what cannot be calibrated is said before anything is written")
  func refusals() throws {
    try inFolder(Self.llama) { folder in
      func fails(
        _ output: String, _ type: ConversionType, _ tokens: [Int], _ text: String
      ) {
        let read = CalibrationText(tokens, place: "book.txt")
        let error = #expect(throws: FormatError.self) {
          try ModelConversion.convert(folder, to: folder + output, type: type, calibration: read)
        }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
        #expect(!FileManager.default.fileExists(atPath: folder + output))
      }
      fails("/a.gguf", .q4_0, [], "book.txt: a text of 0 tokens is too short")
      fails("/a.gguf", .q4_0, tokens(63), "at least 64 tokens")
      fails("/a.gguf", .q4_0, tokens(99) + [17], "below 17")
      fails("/a.gguf", .f16, tokens(99), "takes no calibration")
      fails("/made", .q4_0, tokens(99), "blocks")
      let file = folder + "/strange.gguf"
      try writeStrangeModel(to: file)
      try ModelConversion.convert(file, to: folder + "/copy.gguf", type: .q4_0)
      let error = #expect(throws: FormatError.self) {
        try ModelConversion.convert(
          file, to: folder + "/b.gguf", type: .q4_0, calibration: text(99))
      }
      #expect(error?.description.contains("strange") == true)
    }
  }

  @Test("a conversion says how much of the text each block has read, and can be ended there")
  func progress() throws {
    try inFolder(Self.llama) { folder in
      let (text, path) = (text(200), folder + "/a.gguf")
      let seen = Mutex<[ConversionProgress]>([])
      try ModelConversion.convert(folder, to: path, type: .q4_0, calibration: text) { step in
        seen.withLock { $0.append(step) }
      }
      let steps = seen.withLock { $0 }
      // Four windows go through each of two blocks.
      let shares = steps.map(\.readShare)
      #expect([0.25, 0.5, 0.75, 1].allSatisfy { share in shares.filter { $0 == share }.count > 1 })
      #expect(steps.last?.written == steps.last?.count && shares.last == 0)
      let file = FileManager.default.contents(atPath: path)
      // Ended at any step, the file that was there stays.
      for last in [0, 1, steps.count / 2, steps.count - 1] {
        let count = Mutex(0)
        let error = #expect(throws: FormatError.self) {
          try ModelConversion.convert(
            folder, to: path, type: .q4_1, calibration: text
          ) { _ throws(FormatError) in
            let number = count.withLock {
              $0 += 1
              return $0
            }
            if number > last { throw FormatError(.interrupted, what: "enough", place: path) }
          }
        }
        #expect(error?.code == .interrupted && count.withLock { $0 } == last + 1)
        #expect(FileManager.default.contents(atPath: path) == file)
      }
    }
  }

  @Test("blocks of the type that is asked for stay as they are, and damaged weights are named")
  func kept() throws {
    try inFolder(Self.llama) { folder in
      try ModelConversion.convert(folder, to: folder + "/a.gguf", type: .q4_0)
      let report = try ModelConversion.convert(
        folder + "/a.gguf", to: folder + "/b.gguf", type: .q4_0, calibration: text(200))
      #expect(report.uncalibrated.isEmpty)
      #expect(try tensors(folder + "/a.gguf") == tensors(folder + "/b.gguf"))
    }
    var (_, _, parameters) = try smallParameters(Self.llama)
    let name = "model.layers.1.self_attn.v_proj.weight"
    var values = try #require(parameters[name]).elements(as: Float.self)
    values[3] = .nan
    parameters[name] = Tensor(values, shape: [32, 64])
    try withModelFolder(Self.llama, parameters) { folder in
      let report = try ModelConversion.convert(
        folder, to: folder + "/a.gguf", type: .q4_0, calibration: text(200))
      #expect(report.damaged.map(\.name) == ["blk.1.attn_v.weight"])
      // What comes behind it is no number.
      #expect(Set(report.uncalibrated.map(\.reason)) == [.notFinite])
    }
  }

  @Test("layers that read the same have its moments once, and moments beyond a bound are not kept")
  func observed() {
    var generator = RandomGenerator(seed: 4)
    let inputs = ObservedInputs(
      of: ["query": 32, "key": 32, "output": 32, "gate": 32], mostBytes: 2 * 64 * 64 * 4)
    for _ in 0..<3 {
      let (x, y) = (generator.normal([1, 50, 64]), generator.normal([1, 50, 64]))
      inputs.add(x, to: "query")
      inputs.add(x.reshaped(to: [50, 64]), to: "key")
      inputs.add(y, to: "output")
      inputs.add(generator.normal([1, 50, 64]), to: "gate")
      inputs.add(y, to: "router")
      inputs.endWindow()
    }
    func rounding(_ path: String) -> Rounding { inputs.rounding(of: path, step: {}) }
    func factor(_ path: String) -> [Float]? {
      if case .compensating(let found) = rounding(path) {
        found.factor.elements(as: Float.self)
      } else {
        nil
      }
    }
    #expect(factor("query") != nil && factor("query") == factor("key"))
    #expect(factor("output") != nil && factor("output") != factor("query"))
    for (path, want) in [("gate", UncalibratedMatrices.Reason.memory), ("router", .notRead)] {
      guard case .plain(let reason) = rounding(path) else {
        Issue.record("\(path) has moments")
        continue
      }
      #expect(reason == want)
    }
  }
}

extension Tensor {
  /// The bytes of `float32` elements.
  fileprivate var bytes: [UInt8] {
    elements(as: Float.self).flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }
  }
}
