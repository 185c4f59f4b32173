import HeedTensor

/// A header and tensors behind each other, which is what every format of tensors is in the end.
enum TensorFile {
  /// Writes a file that is whole or absent whatever happens.
  ///
  /// - Parameters:
  ///   - byteCounts: of the tensors, as the header says.
  ///   - alignment: tensors are filled up with zeros to multiples of it.
  ///   - progress: told how many tensors are written; nothing is left when it throws.
  ///   - content: makes a tensor, when its turn comes.
  static func write(
    header: [UInt8], byteCounts: [Int], alignment: Int = 1, to path: String,
    progress: (_ written: Int) throws(FormatError) -> Void,
    content: (_ index: Int) throws(FormatError) -> Tensor
  ) throws(FormatError) {
    // What is wrong with a tensor passes through the file as an error of the file.
    var failure: FormatError?
    func passing<Result>(
      _ body: () throws(FormatError) -> Result
    ) throws(FileError) -> Result {
      do throws(FormatError) { return try body() } catch {
        failure = error
        throw FileError(operation: "write", path: path, reason: error.what)
      }
    }
    do throws(FileError) {
      try AtomicFile.write(to: path) { (file) throws(FileError) in
        try file.append(header)
        for (index, byteCount) in byteCounts.enumerated() {
          let tensor = try passing { () throws(FormatError) in try content(index) }
          precondition(
            tensor.count * tensor.elementType.byteCount == byteCount,
            "TensorFile.write: tensor \(index) of \(tensor.shape) has not the \(byteCount) bytes of the header"
          )
          try file.append(tensor)
          let rest = (alignment - byteCount % alignment) % alignment
          if rest > 0 { try file.append([UInt8](repeating: 0, count: rest)) }
          try passing { () throws(FormatError) in try progress(index + 1) }
        }
      }
    } catch { throw failure ?? FormatError(error) }
  }
}
