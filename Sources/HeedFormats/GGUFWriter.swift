public import HeedTensor

/// A tensor that is to be written to a GGUF file.
public typealias GGUFTensor = WritableTensor<GGUFTensorType>

extension GGUFTensor {
  /// Blocks as they are.
  public init(_ name: String, _ blocks: BlockTensor) {
    self.init(name, shape: blocks.shape, type: .blocks(blocks.type)) {
      () throws(FormatError) in blocks.bytes
    }
  }

  /// What is written.
  fileprivate func content() throws(FormatError) -> Tensor {
    let tensor = try numbers()
    switch type {
    case .elements(let elementType): return tensor.converted(to: elementType)
    case .blocks(let blockType):
      return tensor.elementType == .uint8
        ? tensor : BlockTensor(quantizing: tensor, as: blockType).bytes
    }
  }
}

extension GGUFFile {
  /// Writes a file, version 3, that is whole or absent whatever happens.
  ///
  /// - Parameters:
  ///   - metadata: written in order; `general.alignment` must not be among it.
  ///   - tensors: written in order, one at a time.
  ///   - progress: told how many tensors are written; nothing is left when it throws.
  /// - Throws: `FormatError`, also when a name occurs twice or a row is no whole blocks.
  public static func write(
    metadata: [(key: String, value: GGUFValue)], tensors: [GGUFTensor], to path: String,
    progress: (_ written: Int) throws(FormatError) -> Void = { _ in }
  ) throws(FormatError) {
    let alignment = 32
    var header = Array("GGUF".utf8) + UInt32(3).littleEndianBytes
    header += UInt64(tensors.count).littleEndianBytes + UInt64(metadata.count).littleEndianBytes
    for (key, value) in metadata {
      header += GGUFValue.string(key).bytes + value.type.rawValue.littleEndianBytes + value.bytes
    }
    guard Set(metadata.map { ExactString($0.key) }).count == metadata.count,
      Set(tensors.map { ExactString($0.name) }).count == tensors.count
    else {
      throw FormatError(.inconsistent, what: "a key or a tensor has two values", place: path)
    }
    var offset = 0
    var sizes: [Int] = []
    for tensor in tensors {
      guard tensor.type.isWritable, tensor.shape.count <= 4,
        let size = tensor.type.byteCount(shape: tensor.shape)
      else {
        throw FormatError(
          .unsupported, what: "\"\(tensor.name)\" of \(tensor.shape) cannot be \(tensor.type)",
          place: path, expected: "at most 4 axes, rows of whole blocks")
      }
      header += GGUFValue.string(tensor.name).bytes
      header += UInt32(tensor.shape.count).littleEndianBytes
      for length in tensor.shape.reversed() { header += UInt64(length).littleEndianBytes }
      header += tensor.type.code.littleEndianBytes + UInt64(offset).littleEndianBytes
      sizes.append(size)
      offset += (size + alignment - 1) / alignment * alignment
    }
    header += [UInt8](repeating: 0, count: (alignment - header.count % alignment) % alignment)
    try TensorFile.write(
      header: header, byteCounts: sizes, alignment: alignment, to: path, progress: progress
    ) { (index) throws(FormatError) in try tensors[index].content() }
  }
}
