import HeedBlocks
public import HeedFormats
import HeedTensor

/// Which tensor of a file goes to which slot: a table, one row for each kind of weight.
public struct WeightMap: Sendable {
  /// A row: `{}` in a name stands for the number of the layer, `#` in both for that of an expert.
  public struct Row: Sendable {
    let slot: String
    let name: String
    let layout: WeightLayout

    /// The tensor `name` goes to `slot`.
    public init(_ slot: String, _ name: String, _ layout: WeightLayout = .rows) {
      self.slot = slot
      self.name = name
      self.layout = layout
    }
  }

  private let rows: [String: Row]
  /// A prefix that files have or have not.
  private let optionalPrefix: String
  /// Ends of names of tensors that are no weights (buffers) or copies of others.
  private let ignoredSuffixes: [String]
  /// Beginnings of names of tensors that this model does not use.
  private let ignoredPrefixes: [String]

  /// A table of the given rows; of two rows for one slot the earlier one counts, so that a family
  /// may put its own before those of another. Rows for slots that a model has not are ignored.
  public init(
    _ rows: [Row], optionalPrefix: String = "", ignoredSuffixes: [String] = [],
    ignoredPrefixes: [String] = []
  ) {
    self.rows = Dictionary(rows.map { ($0.slot, $0) }, uniquingKeysWith: { first, _ in first })
    self.optionalPrefix = optionalPrefix
    self.ignoredSuffixes = ignoredSuffixes
    self.ignoredPrefixes = ignoredPrefixes
  }

  /// The rows of a linear layer and its bias, which lie alike.
  public static func linear(
    _ slot: String, _ name: String, _ layout: WeightLayout = .rows
  ) -> [Row] {
    ["weight", "bias"].map { Row("\(slot).\($0)", "\(name).\($0)", layout) }
  }

  /// The rows of a norm.
  public static func norm(_ slot: String, _ name: String) -> [Row] {
    [Row(slot + ".gain", name + ".weight"), Row(slot + ".bias", name + ".bias")]
  }

  /// The name, in files, of the tensor of a slot, and how it lies there; nil when the table has no
  /// row for it.
  func source(of slot: WeightSlot, withPrefix: Bool) -> WeightBinding.Source? {
    // "experts.3.up.weight" has the row of "experts.#.up.weight".
    let parts = slot.path.split(separator: ".")
    let number = parts.lazy.compactMap { Int($0) }.first
    let pattern =
      number == nil
      ? slot.path : parts.map { Int($0) == nil ? $0 : "#" }.joined(separator: ".")
    guard let row = rows[pattern] else { return nil }
    var name = row.name
    if let layer = slot.layer { name = name.replacing("{}", with: String(layer)) }
    if let number { name = name.replacing("#", with: String(number)) }
    if !withPrefix, !optionalPrefix.isEmpty, name.hasPrefix(optionalPrefix) {
      name = String(name.dropFirst(optionalPrefix.count))
    }
    return WeightBinding.Source(name: name, layout: row.layout.numbered(number))
  }

  /// How many tensors of a file `spec` is made of, counted without a list of all its slots.
  private func tensorCount(of spec: ModelSpec) -> Int {
    func count(_ slots: [WeightSlot]) -> Int {
      Set(slots.compactMap { source(of: $0, withPrefix: true)?.name }).count
    }
    return spec.kindsOfBlocks.reduce(count(spec.slotsOutsideBlocks)) { sum, kind in
      sum + kind.count * count(kind.block.slots(layer: kind.layer, width: spec.width))
    }
  }

  /// Finds the tensor of every slot of `spec` in `source`.
  ///
  /// - Throws: one `FormatError` that counts all missing tensors, all that nothing asks for, and all
  ///   of a wrong shape, and names the first of each; at once where the source has far too few.
  public func binding(
    of spec: ModelSpec, to source: any TensorSource
  ) throws(FormatError) -> WeightBinding {
    let names = Set(source.tensorNames)
    let wanted = tensorCount(of: spec)
    guard wanted <= 4 * names.count + 1000 else {
      throw FormatError(
        .missing, what: "\(spec.family) of this size is made of \(wanted) tensors",
        place: source.place, expected: "a config for the \(names.count) tensors that are there")
    }
    let hasPrefix = optionalPrefix.isEmpty || names.contains { $0.hasPrefix(optionalPrefix) }
    var sources: [WeightBinding.Key: WeightBinding.Source] = [:]
    var shapes: [String: [Int]] = [:]
    var missing: [String] = []
    var misshapen: [String] = []
    let slots = spec.slots
    for slot in slots {
      guard let place = self.source(of: slot, withPrefix: hasPrefix) else {
        throw FormatError(
          .unsupported, what: "\(spec.family) has no name for \(slot.path)", place: source.place)
      }
      sources[WeightBinding.Key(path: slot.path, layer: slot.layer)] = place
      let expected = place.layout.fileShape(of: slot.shape)
      if let known = shapes[place.name], known == expected { continue }
      shapes[place.name] = expected
      guard names.contains(place.name) else {
        missing.append(place.name)
        continue
      }
      let shape = try source.shape(named: place.name)
      if !place.layout.accepts(shape, insteadOf: expected) {
        misshapen.append("\(place.name) is \(shape), not \(expected)")
      }
    }
    let head = rows["head.weight"]?.name
    let unused = source.tensorNames.filter { name in
      shapes[name] == nil && name != head
        && !ignoredSuffixes.contains { name.hasSuffix($0) }
        && !ignoredPrefixes.contains { name.hasPrefix($0) }
    }
    let problems =
      [("missing", missing), ("unused", unused), ("of a wrong shape", misshapen)]
      .filter { !$0.1.isEmpty }
    if !problems.isEmpty {
      throw FormatError(
        missing.isEmpty ? .inconsistent : .missing,
        what: "the weights do not fit \(spec.family): "
          + problems.map { "\($0.1.count) \($0.0): \($0.1.listed)" }
          .joined(separator: "; "),
        place: source.place, expected: "\(slots.count) weights",
        hint: "do the config, or the metadata of the file, and these weights belong together?")
    }
    return WeightBinding(sources: sources)
  }
}

/// Which named tensor fills which slot of one model.
public struct WeightBinding: Sendable {
  struct Key: Hashable, Sendable {
    let path: String
    let layer: Int?
  }

  struct Source: Sendable {
    let name: String
    let layout: WeightLayout
  }

  let sources: [Key: Source]

  /// The names of the tensors that the model is made of, in order.
  public var names: [String] { Set(sources.values.map(\.name)).sorted() }

  /// The names of those that belong to no block: embeddings, the last norm, the head.
  public var namesOutsideBlocks: Set<String> {
    Set(sources.filter { $0.key.layer == nil }.values.map(\.name))
  }

  /// The names of the parameters of `spec` that are trained by loads, by the block whose experts they are of.
  public func loadCorrections(of spec: ModelSpec) -> [Int: String] {
    var names: [Int: String] = [:]
    for slot in spec.slots where slot.training == .byLoad {
      if let layer = slot.layer { names[layer] = source(slot.path, layer)?.name }
    }
    return names
  }

  func source(_ path: String, _ layer: Int?) -> Source? { sources[Key(path: path, layer: layer)] }
}
