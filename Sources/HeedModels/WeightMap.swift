import HeedBlocks
public import HeedFormats
import HeedTensor

/// Which tensor of a file goes to which slot: a table, one row for each kind of weight.
public struct WeightMap: Sendable {
  /// How a linear weight lies in the file.
  public enum Layout: Sendable, Hashable {
    /// `[out, in]`.
    case rows
    /// `[in, out]`, as TensorFlow and GPT-2 have it.
    case columns
  }

  /// A row: `{}` in a name stands for the number of the layer.
  public struct Row: Sendable {
    let slot: String
    let name: String
    let layout: Layout

    /// The tensor `name` goes to `slot`.
    public init(_ slot: String, _ name: String, _ layout: Layout = .rows) {
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

  /// A table of the given rows.
  public init(_ rows: [Row], optionalPrefix: String = "", ignoredSuffixes: [String] = []) {
    self.rows = Dictionary(rows.map { ($0.slot, $0) }, uniquingKeysWith: { first, _ in first })
    self.optionalPrefix = optionalPrefix
    self.ignoredSuffixes = ignoredSuffixes
  }

  /// The rows of a linear layer and its bias.
  public static func linear(
    _ slot: String, _ name: String, _ layout: Layout = .rows
  ) -> [Row] {
    [Row(slot + ".weight", name + ".weight", layout), Row(slot + ".bias", name + ".bias")]
  }

  /// The rows of a norm.
  public static func norm(_ slot: String, _ name: String) -> [Row] {
    [Row(slot + ".gain", name + ".weight"), Row(slot + ".bias", name + ".bias")]
  }

  /// The name, in files, of the tensor of a slot, and how it lies there; nil when the table has no
  /// row for it.
  func source(of slot: WeightSlot, withPrefix: Bool) -> (name: String, layout: Layout)? {
    guard let row = rows[slot.path] else { return nil }
    let name = slot.layer.map { row.name.replacing("{}", with: String($0)) } ?? row.name
    if withPrefix || optionalPrefix.isEmpty { return (name, row.layout) }
    return (
      name.hasPrefix(optionalPrefix) ? String(name.dropFirst(optionalPrefix.count)) : name,
      row.layout
    )
  }

  /// Finds the tensor of every slot of `spec` in `source`.
  ///
  /// - Throws: one `FormatError` that lists all missing tensors, all that nothing asks for, and all
  ///   of a wrong shape.
  public func binding(
    of spec: ModelSpec, to source: any TensorSource
  ) throws(FormatError) -> WeightBinding {
    let names = Set(source.tensorNames)
    let hasPrefix = optionalPrefix.isEmpty || names.contains { $0.hasPrefix(optionalPrefix) }
    var sources: [WeightBinding.Key: WeightBinding.Source] = [:]
    var missing: [String] = []
    var misshapen: [String] = []
    var used: Set<String> = []
    for slot in spec.slots {
      guard let place = self.source(of: slot, withPrefix: hasPrefix) else {
        throw FormatError(
          .unsupported, what: "\(spec.family) has no name for \(slot.path)", place: source.place)
      }
      guard names.contains(place.name) else {
        missing.append(place.name)
        continue
      }
      used.insert(place.name)
      let tensor = try source.tensor(named: place.name)
      let expected = place.layout == .columns ? Array(slot.shape.reversed()) : slot.shape
      if tensor.shape != expected {
        misshapen.append("\(place.name) is \(tensor.shape), not \(expected)")
      }
      sources[WeightBinding.Key(path: slot.path, layer: slot.layer)] =
        WeightBinding.Source(name: place.name, layout: place.layout)
    }
    let head = rows["head.weight"]?.name
    let unused = source.tensorNames.filter { name in
      !used.contains(name) && name != head
        && !ignoredSuffixes.contains { name.hasSuffix($0) }
    }
    let problems =
      [("missing", missing), ("unused", unused), ("of a wrong shape", misshapen)]
      .filter { !$0.1.isEmpty }
    if !problems.isEmpty {
      throw FormatError(
        missing.isEmpty ? .inconsistent : .missing,
        what: "the weights do not fit \(spec.family): "
          + problems.map { "\($0.1.count) \($0.0): \($0.1.joined(separator: ", "))" }
          .joined(separator: "; "),
        place: source.place, expected: "\(spec.slots.count) tensors",
        hint: "is config.json the one that belongs to these weights?")
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
    let layout: WeightMap.Layout
  }

  let sources: [Key: Source]

  /// The names of the tensors that the model is made of, in order.
  public var names: [String] { Set(sources.values.map(\.name)).sorted() }

  func source(_ path: String, _ layer: Int?) -> Source? { sources[Key(path: path, layer: layer)] }
}
