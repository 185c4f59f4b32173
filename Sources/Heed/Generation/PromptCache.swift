// Reading a long prompt costs far more than a few new tokens. What the model remembers of it, the keys
// and values of every layer, can be kept: in memory from turn to turn of a conversation, and in a file
// between runs. A saved cache is only good for the very same computation, so it carries a fingerprint:
// the bits of the logits that the model gives for a few fixed tokens. Other weights, another
// precision, or kernels that sum in another order, change them.

import HeedAttention
public import HeedFormats
import HeedModels
import HeedTensor

/// What a model remembers of a text.
public struct PromptCache: Sendable {
  /// The ids that were read.
  public let tokens: [Int]
  private let state: DecoderSteps.State
  private let fingerprint: String

  /// Reads `tokens` now.
  ///
  /// - Parameter known: what is remembered of a beginning of them already.
  /// - Throws: `GenerationError` when they do not fit the model.
  public init(
    reading tokens: [Int], by text: TextModel, from known: PromptCache? = nil
  ) throws(GenerationError) {
    try text.check([tokens], GenerationSettings())
    let steps = DecoderSteps(text.model)
    var states = [known?.state(for: tokens) ?? steps.start()]
    let unread = Array(tokens[states[0].count...])
    _ = steps.read([unread], states: &states, wanted: [1], wantsHidden: false)
    self.init(tokens: tokens, state: states[0], of: text)
  }

  init(tokens: [Int], state: DecoderSteps.State, of text: TextModel) {
    self.tokens = tokens
    self.state = state
    fingerprint = text.fingerprint
  }

  /// What is remembered of the beginning that a prompt shares; nil when that is nothing. At least one
  /// token is left to read.
  func state(for prompt: [Int]) -> DecoderSteps.State? {
    let shared = min(zip(tokens, prompt).prefix { $0 == $1 }.count, prompt.count - 1)
    guard shared > 0 else { return nil }
    var state = state
    return state.truncate(to: shared) ? state : nil
  }

  /// How many tokens of a prompt need not be read.
  public func sharedCount(with prompt: [Int]) -> Int { state(for: prompt)?.count ?? 0 }

  private static let format = "heed prompt cache 2"

  /// Writes the cache to a safetensors file, which is whole or absent.
  ///
  /// - Throws: `FormatError` when it cannot be written.
  public func save(to path: String) throws(FormatError) {
    var tensors = ["tokens": Tensor(tokens.map { Int64($0) }, shape: [tokens.count])]
    for (layer, cache) in state.caches.enumerated() {
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
        .inconsistent, what: "the prompt cache was made by another model, precision or machine",
        place: path, hint: "delete the file; it is made anew")
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
    let empty = DecoderSteps(text.model).start()
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
    self.state = state
    fingerprint = text.fingerprint
  }
}

/// FNV-1a over words of 32 bits: a check against mistakes, not against attacks.
private struct BitHash {
  private var hash: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ words: [UInt32]) {
    for word in words { hash = (hash ^ UInt64(word)) &* 0x100_0000_01B3 }
  }

  /// Hexadecimal digits.
  var text: String { String(hash, radix: 16) }
}

extension TextModel {
  /// Tokens spread over the vocabulary, as many as the context allows.
  private var probeTokens: [Int] {
    (0..<min(5, model.spec.contextLength)).map { $0 * model.spec.vocabularySize / 5 }
  }

  /// The bits of a small computation, as hexadecimal digits.
  var fingerprint: String {
    let steps = DecoderSteps(model)
    var states = [steps.start()]
    let scores = steps.read([probeTokens], states: &states, wanted: [1], wantsHidden: false)
    var hash = BitHash()
    hash.add((scores[0].logits.last ?? []).map(\.bitPattern))
    return hash.text
  }

  /// The tensors that the cache of each layer has, with their shapes for one token.
  fileprivate var shapesOfCaches: [[String: [Int]]] {
    let steps = DecoderSteps(model)
    var states = [steps.start()]
    _ = steps.read([[0]], states: &states, wanted: [1], wantsHidden: false)
    return states[0].caches.map { $0.tensors.mapValues(\.shape) }
  }
}
