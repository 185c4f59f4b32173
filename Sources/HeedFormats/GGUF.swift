public import HeedTensor

/// A GGUF file, or several that hold one model, mapped into memory: opening reads the headers only.
///
/// Of a model in parts (`name-00001-of-00003.gguf`) any of them opens the whole.
///
///     let file = try GGUFFile(path: "model.gguf")
///     let layers = file["llama.block_count"]?.integer
///     let weights = try file.tensor(named: "token_embd.weight")   // float32 where it is in blocks
///
/// - Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
public struct GGUFFile: TensorSource {
  /// The path it was opened with.
  public let path: String
  /// Of the format: 2 or 3.
  public let version: Int
  /// The metadata, in the order of the file.
  public let metadata: [(key: String, value: GGUFValue)]
  /// The names of all tensors, in the order of the file.
  public let tensorNames: [String]
  private let values: [ExactString: GGUFValue]
  private let places: [ExactString: Place]

  /// Where a tensor lies.
  private struct Place: Sendable {
    let entry: GGUFTensorEntry
    let file: MappedFile
  }

  /// Opens a file, and the others that hold the rest of its model, and checks their headers completely.
  public init(path: String) throws(FormatError) {
    let parts = try GGUFParts(path: path)
    self.path = path
    self.version = parts.files.first.map { Int($0.header.version) } ?? 3
    self.metadata = parts.metadata
    self.values = Dictionary(
      metadata.map { (ExactString($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
    self.tensorNames = parts.files.flatMap(\.header.names)
    var places: [ExactString: Place] = [:]
    for part in parts.files {
      for (name, entry) in part.header.entries {
        places[name] = Place(entry: entry, file: part.file)
      }
    }
    self.places = places
  }

  /// Where the tensors come from, for messages.
  public var place: String { path }

  /// The metadata of a key.
  public subscript(key: String) -> GGUFValue? { values[ExactString(key)] }

  /// What the header says about a tensor.
  public func entry(named name: String) -> GGUFTensorEntry? { places[ExactString(name)]?.entry }

  /// The shape of a tensor.
  public func shape(named name: String) throws(FormatError) -> [Int] {
    try known(name).place.entry.shape
  }

  /// The tensor of this name: the bytes of the file themselves where it is made of numbers, a
  /// `float32` copy where it is made of blocks.
  public func tensor(named name: String) throws(FormatError) -> Tensor {
    if let blocks = try blocks(named: name) { return blocks.dequantized() }
    let (place, type) = try known(name)
    guard case .elements(let elementType) = type else {
      throw FormatError(.missing, what: "no numbers in \"\(name)\"", place: path)
    }
    return place.file.tensor(
      at: place.entry.byteOffset, shape: place.entry.shape, elementType)
  }

  /// The tensor of this name as blocks, sharing the bytes of the file; nil where it is made of
  /// numbers.
  public func blocks(named name: String) throws(FormatError) -> BlockTensor? {
    let (place, type) = try known(name)
    let shape = place.entry.shape
    guard case .blocks(let blockType) = type, let width = shape.last else { return nil }
    let bytes = place.file.tensor(
      at: place.entry.byteOffset,
      shape: shape.dropLast() + [blockType.rowByteCount(width: width)], .uint8)
    return BlockTensor(blockType, bytes: bytes)
  }

  private func known(
    _ name: String
  ) throws(FormatError) -> (place: Place, type: GGUFTensorType) {
    guard let place = places[ExactString(name)] else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: path)
    }
    guard let type = place.entry.type else {
      let code = place.entry.typeCode
      let typeName = GGUFTensorType.unread[code] ?? "type \(code)"
      throw FormatError(
        .unsupported, what: "tensor \"\(name)\" is of type \(typeName)", place: path,
        expected: "F32, F16, BF16 or one of "
          + BlockType.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", "),
        hint: "most models are published in Q8_0 or Q4_K too")
    }
    return (place, type)
  }
}
