public import HeedTensor

/// A safetensors file, mapped into memory: opening reads the header only.
///
///     let file = try SafetensorsFile(path: "model.safetensors")
///     let weights = try file.tensor(named: "wte.weight")   // points into the file
///
/// - Source: https://github.com/huggingface/safetensors
public struct SafetensorsFile: TensorSource {
  /// The path it was opened with.
  public let path: String
  /// The strings of `__metadata__`, in the order of the file.
  public let metadata: [(key: String, value: String)]
  /// The names of all tensors, in the order of the source.
  public let tensorNames: [String]
  private let entries: [ExactString: SafetensorsEntry]
  private let file: MappedFile

  /// Opens a file and checks its header completely.
  public init(path: String) throws(FormatError) {
    do throws(FileError) { self.file = try MappedFile(path: path) } catch {
      throw FormatError(error)
    }
    let header = try SafetensorsHeader(file)
    self.path = path
    self.metadata = header.metadata
    self.tensorNames = header.names
    self.entries = header.entries
  }

  /// Where the tensors come from, for messages.
  public var place: String { path }

  /// What the header says about a tensor.
  public func entry(named name: String) -> SafetensorsEntry? { entries[ExactString(name)] }

  /// The tensor of this name. It shares the bytes of the file and keeps the map alive.
  public func tensor(named name: String) throws(FormatError) -> Tensor {
    guard let entry = entry(named: name) else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: path)
    }
    guard let elementType = entry.elementType else {
      throw FormatError(
        .unsupported, what: "tensor \"\(name)\" has elements of type \(entry.typeName)",
        place: path, hint: "convert the file to F32, F16 or BF16")
    }
    if elementType == .bool, !file.holdsOnlyTruths(in: entry.byteRange) {
      throw FormatError(
        .malformed, what: "tensor \"\(name)\" has truth values that are neither 0 nor 1",
        place: path)
    }
    return file.tensor(at: entry.byteRange.lowerBound, shape: entry.shape, elementType)
  }

  /// Writes tensors to a file; the file is whole or absent whatever happens.
  ///
  /// Tensors are ordered by the width of their elements and then by name, and the data starts at a
  /// multiple of 64 bytes, so that everything can be used in place after mapping.
  ///
  /// - Parameters:
  ///   - tensors: dense or not, of any element type.
  ///   - metadata: strings that readers may show.
  public static func write(
    _ tensors: [String: Tensor], metadata: [String: String] = [:], to path: String
  ) throws(FormatError) {
    guard tensors["__metadata__"] == nil else {
      throw FormatError(
        .malformed, what: "a tensor cannot have the name __metadata__", place: path)
    }
    let ordered = tensors.sorted {
      let (left, right) = ($0.value.elementType.byteCount, $1.value.elementType.byteCount)
      return left != right ? left > right : $0.key < $1.key
    }
    var header = JSONObject()
    if !metadata.isEmpty {
      var strings = JSONObject()
      for key in metadata.keys.sorted() { strings[key] = metadata[key].map { .string($0) } }
      header["__metadata__"] = .object(strings)
    }
    var end = 0
    for (name, tensor) in ordered {
      let start = end
      end += tensor.count * tensor.elementType.byteCount
      header[name] = [
        "dtype": .string(SafetensorsType.name(of: tensor.elementType)),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(start), .integer(end)]),
      ]
    }
    var text = Array(JSONValue.object(header).text().utf8)
    while (8 + text.count) % 64 != 0 { text.append(UInt8(ascii: " ")) }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
    do throws(FileError) {
      try AtomicFile.write(to: path) { (file) throws(FileError) in
        try file.append(length)
        try file.append(text)
        for (_, tensor) in ordered { try file.append(tensor) }
      }
    } catch { throw FormatError(error) }
  }
}
