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
}
