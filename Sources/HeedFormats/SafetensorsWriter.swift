public import HeedTensor

/// A tensor that is to be written to a safetensors file.
public typealias SafetensorsTensor = WritableTensor<ElementType>

extension SafetensorsTensor {
  fileprivate var byteCount: Int { shape.reduce(type.byteCount, *) }
}

extension SafetensorsFile {
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
    try write(
      tensors: tensors.map { name, tensor in
        SafetensorsTensor(name, shape: tensor.shape, type: tensor.elementType) { tensor }
      }, metadata: metadata, to: path)
  }

  /// The same with tensors that are made one at a time.
  ///
  /// - Parameter progress: told how many tensors are written; nothing is left when it throws.
  /// - Throws: `FormatError`, also when a name occurs twice.
  public static func write(
    tensors: [SafetensorsTensor], metadata: [String: String] = [:], to path: String,
    progress: (_ written: Int) throws(FormatError) -> Void = { _ in }
  ) throws(FormatError) {
    let ordered = tensors.sorted {
      let (left, right) = ($0.type.byteCount, $1.type.byteCount)
      return left != right ? left > right : $0.name < $1.name
    }
    let header = try header(of: ordered, metadata, path)
    try TensorFile.write(
      header: header, byteCounts: ordered.map(\.byteCount), to: path, progress: progress
    ) { (index) throws(FormatError) in
      try ordered[index].numbers().converted(to: ordered[index].type)
    }
  }

  /// The length of the header and the header, filled up with spaces.
  private static func header(
    of tensors: [SafetensorsTensor], _ metadata: [String: String], _ path: String
  ) throws(FormatError) -> [UInt8] {
    var header = JSONObject()
    if !metadata.isEmpty {
      var strings = JSONObject()
      for key in metadata.keys.sorted() { strings[key] = metadata[key].map { .string($0) } }
      header["__metadata__"] = .object(strings)
    }
    var end = 0
    for tensor in tensors {
      guard tensor.name != "__metadata__" else {
        throw FormatError(
          .malformed, what: "a tensor cannot have the name __metadata__", place: path)
      }
      guard header[tensor.name] == nil else {
        throw FormatError(
          .inconsistent, what: "two tensors have the name \"\(tensor.name)\"", place: path)
      }
      let start = end
      end += tensor.byteCount
      header[tensor.name] = [
        "dtype": .string(SafetensorsType.name(of: tensor.type)),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(start), .integer(end)]),
      ]
    }
    var text = Array(JSONValue.object(header).text().utf8)
    while (8 + text.count) % 64 != 0 { text.append(UInt8(ascii: " ")) }
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) } + text
  }
}
