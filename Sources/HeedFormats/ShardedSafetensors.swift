public import HeedTensor

/// Several safetensors files that an index holds together (`model.safetensors.index.json`).
public struct ShardedSafetensors: TensorSource {
  /// Where the tensors come from, for messages.
  public let place: String
  /// The names of all tensors, in the order of the source.
  public let tensorNames: [String]
  private let shardOf: [ExactString: Int]
  private let shards: [SafetensorsFile]

  /// Opens the index and every file that it names.
  ///
  /// - Throws: `FormatError` that counts the tensors which the index promises and the files lack, and names
  ///   the first of them.
  public init(indexPath: String) throws(FormatError) {
    let index = try JSONValue(contentsOf: indexPath)
    guard let map = index["weight_map"]?.object else {
      throw FormatError(
        .malformed, what: "no weight_map", place: indexPath,
        expected: "an object of tensor names and file names")
    }
    let folder = indexPath.lastIndex(of: "/").map { String(indexPath[...$0]) } ?? ""
    var shards: [SafetensorsFile] = []
    var places: [String: Int] = [:]
    var shardOf: [ExactString: Int] = [:]
    var absent: [String] = []
    for (name, value) in map.members {
      guard let fileName = value.string, Self.isPlainName(fileName) else {
        throw FormatError(
          .malformed, what: "the file of \"\(name)\" is \(value.text())", place: indexPath,
          expected: "the name of a file in the same folder")
      }
      if places[fileName] == nil {
        places[fileName] = shards.count
        shards.append(try SafetensorsFile(path: folder + fileName))
      }
      guard let shard = places[fileName], shards[shard].entry(named: name) != nil else {
        absent.append("\(name) (\(fileName))")
        continue
      }
      shardOf[ExactString(name)] = shard
    }
    guard absent.isEmpty else {
      throw FormatError(
        .missing,
        what: "tensors that the index names are not in the files: " + absent.listed,
        place: indexPath)
    }
    self.place = indexPath
    self.tensorNames = map.keys
    self.shardOf = shardOf
    self.shards = shards
  }

  /// One tensor; throws when there is none of this name.
  public func tensor(named name: String) throws(FormatError) -> Tensor {
    guard let shard = shardOf[ExactString(name)] else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: place)
    }
    return try shards[shard].tensor(named: name)
  }

  /// An index is data: a file name must not lead out of its folder.
  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
      && !name.utf8.contains(0)
  }
}

extension JSONValue {
  /// Reads and parses a file of at most `maximumByteCount` bytes.
  public init(
    contentsOf path: String, options: JSONOptions = JSONOptions(),
    maximumByteCount: Int = 512 << 20
  ) throws(FormatError) {
    let bytes = try FileAccess.bytes(of: path, maximumByteCount: maximumByteCount)
    try self.init(parsing: bytes, place: path, options: options)
  }

  /// Writes the document, indented, as a file that is whole or absent.
  public func write(to path: String) throws(FormatError) {
    do throws(FileError) {
      try AtomicFile.write(to: path) { (file) throws(FileError) in
        try file.append(Array((text(indented: true) + "\n").utf8))
      }
    } catch { throw FormatError(error) }
  }
}
