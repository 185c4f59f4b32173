public import HeedTensor

/// A GGUF file, mapped into memory: opening reads the header only.
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
  private let entries: [ExactString: GGUFTensorEntry]
  private let file: MappedFile

  /// Opens a file and checks its header completely.
  public init(path: String) throws(FormatError) {
    do throws(FileError) { self.file = try MappedFile(path: path) } catch {
      throw FormatError(error)
    }
    let header = try GGUFHeader(file)
    self.path = path
    self.version = Int(header.version)
    self.metadata = header.metadata
    self.values = Dictionary(
      header.metadata.map { (ExactString($0.key), $0.value) },
      uniquingKeysWith: { first, _ in first }
    )
    self.tensorNames = header.names
    self.entries = header.entries
  }

  /// Where the tensors come from, for messages.
  public var place: String { path }

  /// The metadata of a key.
  public subscript(key: String) -> GGUFValue? { values[ExactString(key)] }

  /// What the header says about a tensor.
  public func entry(named name: String) -> GGUFTensorEntry? { entries[ExactString(name)] }

  /// The shape of a tensor.
  public func shape(named name: String) throws(FormatError) -> [Int] {
    try known(name).entry.shape
  }

  /// The tensor of this name: the bytes of the file themselves where it is made of numbers, a
  /// `float32` copy where it is made of blocks.
  public func tensor(named name: String) throws(FormatError) -> Tensor {
    if let blocks = try blocks(named: name) { return blocks.dequantized() }
    let (entry, type) = try known(name)
    guard case .elements(let elementType) = type else {
      throw FormatError(.missing, what: "no numbers in \"\(name)\"", place: path)
    }
    return file.tensor(at: entry.byteOffset, shape: entry.shape, elementType)
  }

  /// The tensor of this name as blocks, sharing the bytes of the file; nil where it is made of
  /// numbers.
  public func blocks(named name: String) throws(FormatError) -> BlockTensor? {
    let (entry, type) = try known(name)
    guard case .blocks(let blockType) = type, let width = entry.shape.last else { return nil }
    let bytes = file.tensor(
      at: entry.byteOffset,
      shape: entry.shape.dropLast() + [blockType.rowByteCount(width: width)], .uint8)
    return BlockTensor(blockType, bytes: bytes)
  }

  private func known(
    _ name: String
  ) throws(FormatError) -> (entry: GGUFTensorEntry, type: GGUFTensorType) {
    guard let entry = entry(named: name) else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: path)
    }
    guard let type = entry.type else {
      let typeName = GGUFTensorType.unread[entry.typeCode] ?? "type \(entry.typeCode)"
      throw FormatError(
        .unsupported, what: "tensor \"\(name)\" is of type \(typeName)", place: path,
        expected: "F32, F16, BF16 or one of "
          + BlockType.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", "),
        hint: "most models are published in Q8_0 or Q4_K too")
    }
    return (entry, type)
  }
}
