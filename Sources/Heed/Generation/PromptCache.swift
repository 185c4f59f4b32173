// Reading a long prompt costs far more than a few new tokens. What the model remembers of it, the keys
// and values of every layer, can be kept: in memory from turn to turn of a conversation, and in a file
// between runs. A saved cache is only good for the very same computation, so it carries a fingerprint:
// the bits of the logits that the model gives for a few fixed tokens, and how caches are kept. Other
// weights, another precision, or kernels that sum in another order, change them.

import HeedAttention
public import HeedFormats
import HeedModels
import HeedTensor

/// What a model remembers of a text.
public struct PromptCache: Sendable {
  /// The ids that were read.
  public let tokens: [Int]
  private var memory: PromptMemory<DecoderSteps.State>
  private let fingerprint: String

  /// Reads `tokens` now.
  ///
  /// - Parameters:
  ///   - known: what is remembered of a beginning of them already.
  ///   - keepsHiddenStates: whether the last hidden state of each token is kept too; contrastive search
  ///     needs them.
  /// - Throws: `GenerationError` when they do not fit the model, or `known` is of another one.
  public init(
    reading tokens: [Int], by text: TextModel, from known: PromptCache? = nil,
    keepsHiddenStates: Bool = false
  ) throws(GenerationError) {
    try text.check([tokens], GenerationSettings())
    try text.check(known)
    let steps = text.steps
    var reading = PromptReading(
      steps, tokens,
      known: known?.memory(for: tokens, withHiddenStates: keepsHiddenStates)
        ?? PromptMemory(state: steps.start()), wantsHidden: keepsHiddenStates)
    while !reading.isDone { reading.readSlice() }
    self.init(tokens: tokens, memory: reading.memory, of: text)
  }

  init(tokens: [Int], memory: PromptMemory<DecoderSteps.State>, of text: TextModel) {
    self.tokens = tokens
    self.memory = memory
    fingerprint = text.fingerprint
  }

  /// What is remembered of the beginning that a prompt shares; nil when that is nothing. At least one
  /// token is left to read.
  func memory(
    for prompt: [Int], withHiddenStates: Bool
  ) -> PromptMemory<DecoderSteps.State>? {
    let shared = min(zip(tokens, prompt).prefix { $0 == $1 }.count, prompt.count - 1)
    guard shared > 0, !withHiddenStates || memory.hidden.count >= shared else { return nil }
    var known = memory
    known.hidden = Array(known.hidden.prefix(withHiddenStates ? shared : 0))
    return known.state.truncate(to: shared) ? known : nil
  }

  /// How many tokens of a prompt need not be read.
  ///
  /// - Parameter keepsHiddenStates: whether it is read for contrastive search.
  public func sharedCount(with prompt: [Int], keepsHiddenStates: Bool = false) -> Int {
    memory(for: prompt, withHiddenStates: keepsHiddenStates)?.state.count ?? 0
  }

  /// Whether it is what `text` remembers: another model, precision or kind of cache would go on from
  /// it to a text that is nobody's.
  func belongs(to text: TextModel) -> Bool { fingerprint == text.fingerprint }

  private static let format = "heed prompt cache 2"

  /// Writes the cache to a safetensors file, which is whole or absent.
  ///
  /// - Throws: `FormatError` when it cannot be written.
  public func save(to path: String) throws(FormatError) {
    var tensors = ["tokens": Tensor(tokens.map { Int64($0) }, shape: [tokens.count])]
    if let width = memory.hidden.first?.count {
      tensors["hidden"] = Tensor(memory.hidden.flatMap { $0 }, shape: [tokens.count, width])
    }
    for (layer, cache) in memory.state.caches.enumerated() {
      for (name, tensor) in cache.tensors { tensors["layer.\(layer).\(name)"] = tensor }
    }
    let metadata = [
      "format": Self.format, "model": fingerprint,
      "content": try Self.digest(of: TensorDictionary(tensors), tensors.keys.sorted()),
    ]
    try SafetensorsFile.write(tensors, metadata: metadata, to: path)
  }

  /// The bits of all tensors, as hexadecimal digits: a changed byte would change the text in silence.
  private static func digest(of source: some TensorSource, _ names: [String]) throws(FormatError)
    -> String
  {
    var hash = BitHash()
    for name in names {
      hash.add(Array(name.utf8).map { UInt32($0) })
      let tensor = try source.tensor(named: name)
      if tensor.elementType == .int64 {
        hash.add(tensor.elements(as: Int64.self).map { UInt32(truncatingIfNeeded: $0) })
      } else {
        hash.add(tensor.converted(to: .float32).elements(as: Float.self).map(\.bitPattern))
      }
    }
    return hash.text
  }

  /// Reads a cache of `text` from a file.
  ///
  /// - Throws: `FormatError` when it is none, is damaged, or belongs to another model.
  public init(contentsOf path: String, for text: TextModel) throws(FormatError) {
    let file = try SafetensorsFile(path: path)
    func entry(_ key: String) -> String? { file.metadata.first { $0.key == key }?.value }
    guard entry("format") == Self.format else {
      throw FormatError(
        .unsupported, what: "this is no prompt cache", place: path, expected: Self.format)
    }
    guard entry("model") == text.fingerprint else {
      throw FormatError(
        .inconsistent,
        what: "the prompt cache was made by another model, precision, kind of cache or machine",
        place: path, hint: "delete the file and it is made anew, or name another file")
    }
    func damaged(_ what: String) -> FormatError {
      FormatError(.malformed, what: what, place: path, hint: "delete the file; it is made anew")
    }
    let content = try Self.digest(of: file, file.tensorNames.sorted())
    guard entry("content") == content else {
      throw damaged("the content is not what was written")
    }
    let ids = try file.tensor(named: "tokens")
    guard ids.elementType == .int64, ids.rank == 1, ids.count > 0 else {
      throw damaged("the tokens are no list of whole numbers")
    }
    tokens = ids.elements(as: Int64.self).map { Int($0) }
    guard tokens.allSatisfy({ $0 >= 0 && $0 < text.model.spec.vocabularySize }),
      tokens.count <= text.model.spec.contextLength
    else { throw damaged("the tokens are not of this model") }
    let empty = text.steps.start()
    var state = empty
    // What a cache of one token looks like says what the shapes have to be.
    var caches: [KeyValueCache] = []
    let known = Set(file.tensorNames)
    for (layer, like) in text.shapesOfCaches.enumerated() {
      var tensors: [String: Tensor] = [:]
      for (name, shape) in like {
        guard known.contains("layer.\(layer).\(name)") else {
          throw damaged("layer \(layer) has no \(name)")
        }
        let tensor = try file.tensor(named: "layer.\(layer).\(name)")
        guard tensor.rank == 4, tensor.shape[0] == 1, tensor.shape[1] == shape[1],
          tensor.shape[3] == shape[3]
        else { throw damaged("layer \(layer) has \(name) of the shape \(tensor.shape)") }
        tensors[name] = tensor
      }
      guard let cache = empty.caches[layer].restored(from: tensors, position: tokens.count) else {
        throw damaged("the keys and values of layer \(layer) do not fit together")
      }
      caches.append(cache)
    }
    state.caches = caches
    if state.switchLength != nil { state.tokens = tokens }
    memory = PromptMemory(state: state)
    if known.contains("hidden") {
      let hidden = try file.tensor(named: "hidden")
      let shape = [tokens.count, text.model.spec.width]
      guard hidden.elementType == .float32, hidden.shape == shape else {
        throw damaged("the hidden states have the shape \(hidden.shape)")
      }
      let numbers = hidden.elements(as: Float.self)
      memory.hidden = tokens.indices.map { Array(numbers[$0 * shape[1]..<($0 + 1) * shape[1]]) }
    }
    fingerprint = text.fingerprint
  }
}

extension TextModel {
  /// Tokens spread over the vocabulary, as many as the context allows.
  private var probeTokens: [Int] {
    (0..<min(5, model.spec.contextLength)).map { $0 * model.spec.vocabularySize / 5 }
  }

  /// The bits of a small computation and the kind of cache, as hexadecimal digits.
  package var fingerprint: String {
    facts.fingerprint {
      let steps = steps
      var states = [steps.start()]
      let scores = steps.read([probeTokens], states: &states, wanted: [1], wantsHidden: false)
      var hash = BitHash()
      hash.add((scores[0].logits.last ?? []).map(\.bitPattern))
      if cacheType != .float32 { hash.add("\(cacheType)".utf8.map { UInt32($0) }) }
      return hash.text
    }
  }

  /// The tensors that the cache of each layer has, with their shapes for one token.
  fileprivate var shapesOfCaches: [[String: [Int]]] {
    let steps = steps
    var states = [steps.start()]
    _ = steps.read([[0]], states: &states, wanted: [1], wantsHidden: false)
    return states[0].caches.map { $0.tensors.mapValues(\.shape) }
  }
}
