import HeedBlocks
import HeedFormats
import HeedTensor

// The way from the latent to the keys and values of all heads, in GGUF files. In folders, and in older
// files, it is one matrix `kv_b`, [H (N + V), C], head by head. Newer files have what attention over the
// latent itself needs: `k_b`, [H, C, N], through which queries become as wide as a latent, and `v_b`,
// [H, V, C]. Both hold the same numbers, so files of either kind are read as the one matrix, and the
// newer kind is written.

/// The matrix from latents to keys and values as files have it.
enum LatentExpansion {
  private static let whole = "attn_kv_b.weight"
  private static let keys = "attn_k_b.weight"
  private static let values = "attn_v_b.weight"

  /// A file whose two stacks read as one matrix.
  struct Joined: TensorSource {
    private let source: any TensorSource
    let tensorNames: [String]
    /// The names of the parts of each matrix that is put together.
    private let parts: [String: (keys: String, values: String)]

    init(_ source: any TensorSource) {
      self.source = source
      let present = Set(source.tensorNames)
      var parts: [String: (keys: String, values: String)] = [:]
      var hidden: Set<String> = []
      for name in source.tensorNames where name.hasSuffix(keys) {
        let place = name.dropLast(keys.count)
        guard present.contains(place + values) else { continue }
        hidden.formUnion([name, place + values])
        // Some files have both kinds.
        if !present.contains(place + whole) { parts[place + whole] = (name, place + values) }
      }
      self.parts = parts
      tensorNames = source.tensorNames.filter { !hidden.contains($0) } + parts.keys.sorted()
    }

    var place: String { source.place }

    func shape(named name: String) throws(FormatError) -> [Int] {
      guard let part = parts[name] else { return try source.shape(named: name) }
      let (keys, values) = try shapes(part)
      return [keys[0] * (keys[2] + values[1]), keys[1]]
    }

    func blocks(named name: String) throws(FormatError) -> BlockTensor? {
      parts[name] == nil ? try source.blocks(named: name) : nil
    }

    func tensor(named name: String) throws(FormatError) -> Tensor {
      guard let part = parts[name] else { return try source.tensor(named: name) }
      let (shape, other) = try shapes(part)
      let keys = try source.tensor(named: part.keys).converted(to: .float32)  // [H, C, N]
      let values = try source.tensor(named: part.values).converted(to: .float32)  // [H, V, C]
      return keys.transposed(permutation: [0, 2, 1]).concatenated(with: values, alongAxis: 1)
        .reshaped(to: [shape[0] * (shape[2] + other[1]), shape[1]])  // [H (N + V), C]
    }

    private func shapes(
      _ part: (keys: String, values: String)
    ) throws(FormatError) -> (keys: [Int], values: [Int]) {
      let keys = try source.shape(named: part.keys)
      let values = try source.shape(named: part.values)
      guard keys.count == 3, values.count == 3, keys[0] == values[0], keys[1] == values[2],
        (keys + values).allSatisfy({ $0 < 1 << 26 })
      else {
        throw FormatError(
          .inconsistent, what: "\(part.keys) is \(keys) and \(part.values) is \(values)",
          place: place, expected: "[heads, latent, keys] and [heads, values, latent]")
      }
      return (keys, values)
    }
  }

  /// What of the two stacks of the matrix `name` is multiplied by which input, head by head; nothing for
  /// any other tensor. Values are made of latents, as the matrix is; the keys' stack turns queries to latents.
  ///
  /// - Parameters:
  ///   - path: of the slot of the matrix.
  ///   - shapes: of the tensors of the file.
  static func readings(
    of name: String, _ path: String, _ shapes: [String: [Int]]
  ) -> [(name: String, path: String, layout: WeightLayout)] {
    guard name.hasSuffix(whole) else { return [] }
    let place = name.dropLast(whole.count)
    return [(place + keys, true), (place + values, false)].flatMap { name, isOfQueries in
      let heads = shapes[name]?.first ?? 0
      return (0..<heads).map { head in
        (
          name, isOfQueries ? LatentAttention.queryPath(head: head) : path,
          WeightLayout.entry(of: heads).numbered(head)
        )
      }
    }
  }

  /// The two stacks of a matrix that is to be written; any other tensor as it is.
  @Sendable static func split(_ tensor: PlannedTensor, _ spec: ModelSpec) -> [PlannedTensor] {
    guard tensor.name.hasSuffix(whole), let attention = spec.latentAttentions.first else {
      return [tensor]
    }
    let place = tensor.name.dropLast(whole.count)
    let (heads, width) = (attention.headCount, attention.latentWidth)
    let (plain, value) = (attention.plainWidth, attention.valueWidth)
    @Sendable func rows(_ range: Range<Int>) throws(FormatError) -> Tensor {
      try tensor.make().reshaped(to: [heads, plain + value, width])  // [H, N + V, C]
        .sliced(axis: 1, range: range)
    }
    return [
      PlannedTensor(name: place + keys, shape: [heads, width, plain]) { () throws(FormatError) in
        try rows(0..<plain).transposed(permutation: [0, 2, 1])  // [H, C, N]
      },
      PlannedTensor(name: place + values, shape: [heads, value, width]) { () throws(FormatError) in
        try rows(plain..<plain + value)  // [H, V, C]
      },
    ]
  }
}
