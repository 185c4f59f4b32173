// Models in GGUF files. Their metadata says the same as a config.json with other words, so it is turned
// into one and the family reads that: there is no second description of any family. The names of the
// weights are the same for all architectures, so one table from slots to names serves them all.
//
// What the converters of llama.cpp do to the weights, and how it is undone:
//   Llama     rows of queries and keys are moved so that rotary pairs are neighbours: moved back, whole
//             rows, so exactly, in blocks too
//   Gemma     1 is added to the gains of norms: the norms of the spec count from 0 instead of 1
//   GPT-2     [in, out] becomes [out, in];  BLOOM, GPT-NeoX: queries, keys and values one after another
//   Phi-3     gate and up stay one matrix, under the name of up
//   experts   are one stack for gates, one for ups, one for downs; gpt-oss's gates and ups, which lie
//             row by row in its folders, too
//   DeepSeek  the way from the latent to keys and values becomes two stacks of matrices, a head each

import HeedBlocks
import HeedFormats

/// How one architecture of GGUF files is read, and written.
struct GGUFArchitecture: Sendable {
  /// A member of the metadata, behind the architecture's name, and the member of a config for it.
  struct Member: Sendable {
    let key: String
    let member: String
    let kind: Kind

    enum Kind: Sendable { case count, countOrNone, number, flag }

    /// The width of windows, for which files have 0 where there are none.
    static let window = Member(
      key: "attention.sliding_window", member: "sliding_window", kind: .countOrNone)

    static func count(_ key: String, _ member: String) -> Member {
      Member(key: key, member: member, kind: .count)
    }

    static func number(_ key: String, _ member: String) -> Member {
      Member(key: key, member: member, kind: .number)
    }

    static func flag(_ key: String, _ member: String) -> Member {
      Member(key: key, member: member, kind: .flag)
    }
  }

  /// `general.architecture`.
  let name: String
  /// The `model_type` of a config.
  let modelType: String
  /// Other types of model that are written as this architecture.
  var alsoWrites: [String] = []
  /// What transformers calls the class of such a model.
  let className: String
  let members: [Member]
  /// Names of weights that differ from those of the other architectures, by slot.
  var names: [String: String] = [:]
  /// Whether rotary pairs are neighbours in the file.
  var hasNeighbours = false
  /// Whether 1 was added to the gains of norms.
  var hasWholeGains = false
  /// Whether gate and up are one matrix.
  var hasFusedGate = false
  /// What the metadata says beside the members and what every model's says.
  var states: @Sendable (_ spec: ModelSpec) -> [(key: String, value: GGUFValue)] = { _ in [] }
  /// The tensors of a file as the table of names has them.
  var opens: @Sendable (_ source: any TensorSource) -> any TensorSource = { $0 }
  /// The tensors of a file for one of the table of names.
  var splits: @Sendable (_ tensor: PlannedTensor, _ spec: ModelSpec) -> [PlannedTensor] = {
    tensor, _ in [tensor]
  }
  /// What else follows from the file.
  var completes:
    @Sendable (_ config: inout JSONObject, _ file: any GGUFContent) throws(FormatError) -> Void = {
      (_, _) throws(FormatError) in
    }

  /// All that are known.
  static let all: [GGUFArchitecture] = [
    .llama, .qwen2, .qwen2MoE, .qwen3, .gemma, .gemma2, .gemma3, .phi3, .deepSeek2, .gptOSS, .gpt2,
    .gptNeoX, .bloom,
  ]

  /// The architecture of a file.
  ///
  /// - Throws: `FormatError` that names the nearest known ones.
  static func of(_ file: some GGUFContent) throws(FormatError) -> GGUFArchitecture {
    guard let name = file["general.architecture"]?.string else {
      throw FormatError(
        .missing, what: "no general.architecture", place: file.path, expected: "its name")
    }
    guard let known = all.first(where: { $0.name == name }) else {
      let names = all.map(\.name)
      let nearest = nearestNames(to: name, among: names)
      throw FormatError(
        .unsupported, what: "GGUF files of the architecture \"\(name)\" are not known",
        place: file.path, expected: "one of \(names.joined(separator: ", "))",
        hint: nearest.isEmpty
          ? "a folder with config.json may be known: heed describe FOLDER"
          : "the nearest known is \(nearest.joined(separator: " or "))")
    }
    return known
  }

  /// The config that a Hugging Face folder of the same model has.
  func config(of file: any GGUFContent) throws(FormatError) -> JSONValue {
    var config = JSONObject()
    config["model_type"] = .string(modelType)
    config["architectures"] = .array([.string(className)])
    for member in members {
      let key = "\(name).\(member.key)"
      guard let value = file[key] else { continue }
      config[member.member] = try member.value(of: value, key, file)
    }
    guard let table = file.knownShape("token_embd.weight") else {
      throw FormatError(
        .missing, what: "no tensor \"token_embd.weight\"", place: file.path,
        expected: "a model, not a vocabulary alone")
    }
    config["vocab_size"] = .integer(table.first ?? 0)
    config["tie_word_embeddings"] = .bool(file.knownShape("output.weight") == nil)
    let ends = Self.endTokens(of: file)
    if !ends.isEmpty { config["eos_token_id"] = .array(ends.map { .integer($0) }) }
    for (key, member) in [("bos", "bos_token_id"), ("padding", "pad_token_id")] {
      if let id = file["tokenizer.ggml.\(key)_token_id"]?.integer { config[member] = .integer(id) }
    }
    try completes(&config, file)
    return .object(config)
  }

  /// A complaint about a member of the config, as one about the metadata that it was made of.
  func inWordsOfFile(_ error: FormatError) -> FormatError {
    var error = error
    for member in members {
      error.what = error.what.replacing(
        "\"\(member.member)\"", with: "\"\(name).\(member.key)\"")
    }
    return error
  }

  /// The spec with what the converter has already put into the weights taken out.
  func adapted(_ spec: ModelSpec) -> ModelSpec {
    hasWholeGains ? spec.withGainsFromZero() : spec
  }
}

extension GGUFArchitecture.Member.Kind {
  fileprivate var expected: String {
    switch self {
    case .count, .countOrNone: "a whole number"
    case .number: "a number"
    case .flag: "true or false"
    }
  }
}

extension GGUFArchitecture.Member {
  fileprivate func value(
    of value: GGUFValue, _ key: String, _ file: any GGUFContent
  ) throws(FormatError) -> JSONValue {
    // Some have a number for each layer; those of the families here are all the same.
    let single: GGUFValue
    if let array = value.array {
      let values = array.count <= 1 << 16 ? array.values : []
      guard let first = values.first, values.allSatisfy({ $0 == first }) else {
        throw FormatError(
          .unsupported, what: "\(key) differs between layers", place: file.path,
          expected: "one value for all")
      }
      single = first
    } else {
      single = value
    }
    switch kind {
    case .count: if let integer = single.integer { return .integer(integer) }
    case .countOrNone:
      if let integer = single.integer { return integer == 0 ? .null : .integer(integer) }
    case .number: if let number = single.number { return .number(number) }
    case .flag: if let flag = single.bool { return .bool(flag) }
    }
    throw FormatError(
      .malformed, what: "\(key) is \(single)", place: file.path,
      expected: kind.expected)
  }
}

extension ModelSpec {
  /// The same with norms whose gains count from 0.
  fileprivate func withGainsFromZero() -> ModelSpec {
    func plain(_ norm: NormSpec?) -> NormSpec? {
      if case .rms(let epsilon, _) = norm { .rms(epsilon: epsilon) } else { norm }
    }
    var spec = self
    spec.finalNorm = plain(finalNorm)
    spec.blocks = blocks.map { block in
      var block = block
      block.branches = block.branches.map { branch in
        var branch = branch
        branch.inputNorm = plain(branch.inputNorm)
        branch.outputNorm = plain(branch.outputNorm)
        branch.afterNorm = plain(branch.afterNorm)
        if case .selfAttention(var attention) = branch.operation {
          attention.queryKeyNorm = plain(attention.queryKeyNorm)
          branch.operation = .selfAttention(attention)
        }
        return branch
      }
      return block
    }
    return spec
  }
}
