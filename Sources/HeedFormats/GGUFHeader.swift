// The header of a GGUF file, version 2 or 3: counts, metadata, what tensors there are; the data
// follows at the next multiple of the alignment.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// The header is hostile until checked, and a count is only believed as far as the file has bytes for
// it: nothing is allocated by a number alone. Arrays of arrays, which nobody writes, are refused, so
// there is no recursion.

import HeedTensor

/// What the header says about one tensor.
public struct GGUFTensorEntry: Sendable, Hashable {
  /// The length of each axis, outermost first (the file has them the other way round).
  public let shape: [Int]
  /// What it is made of; nil where Heed does not read it.
  public let type: GGUFTensorType?
  /// The number of the type in the format.
  public let typeCode: UInt32
  /// The first byte, counted from the start of the file.
  public let byteOffset: Int
}

struct GGUFHeader {
  static let largestMetadataCount = 1 << 16
  static let largestTensorCount = 1 << 20
  static let longestName = 1 << 16

  var version: UInt32 = 0
  var metadata: [(key: String, value: GGUFValue)] = []
  var names: [String] = []
  var entries: [ExactString: GGUFTensorEntry] = [:]
  var alignment = 32

  init(_ file: MappedFile) throws(FormatError) {
    var cursor = GGUFCursor(file)
    let counts = try start(&cursor)
    var keys: Set<ExactString> = []
    for _ in 0..<counts.metadata {
      let place = cursor.position
      let key = try cursor.string(longest: Self.longestName)
      guard keys.insert(ExactString(key)).inserted else {
        throw cursor.mistake("the key \"\(key)\" occurs twice", "each key once", at: place)
      }
      metadata.append((key, try cursor.value(named: key)))
    }
    try readAlignment(cursor)
    var infos: [(name: String, entry: GGUFTensorEntry, place: Int)] = []
    for _ in 0..<counts.tensors { infos.append(try info(&cursor)) }
    let dataStart = (cursor.position + alignment - 1) / alignment * alignment
    guard dataStart <= file.byteCount || infos.isEmpty else {
      throw cursor.mistake("the file ends before its data", "\(infos.count) tensors")
    }
    try place(infos, dataStart..<max(dataStart, file.byteCount), cursor)
  }

  private mutating func start(
    _ cursor: inout GGUFCursor
  ) throws(FormatError) -> (tensors: Int, metadata: Int) {
    guard cursor.remaining >= 4, try cursor.bytes(4).elementsEqual("GGUF".utf8) else {
      throw cursor.mistake(
        "the file does not start with \"GGUF\"", "a GGUF file", at: 0,
        hint: "is the download complete?")
    }
    version = try cursor.integer()
    guard version == 2 || version == 3 else {
      let isSwapped = version.byteSwapped < 1 << 16
      throw FormatError(
        .unsupported,
        what: "version \(isSwapped ? version.byteSwapped : version)"
          + (isSwapped ? ", big-endian" : ""), place: cursor.path,
        expected: "version 2 or 3, little-endian", hint: "convert the model with a newer tool")
    }
    let tensors: UInt64 = try cursor.integer()
    let metadata: UInt64 = try cursor.integer()
    guard tensors <= UInt64(Self.largestTensorCount) else {
      throw cursor.limit("\(tensors) tensors", "at most \(Self.largestTensorCount)")
    }
    guard metadata <= UInt64(Self.largestMetadataCount) else {
      throw cursor.limit("\(metadata) metadata entries", "at most \(Self.largestMetadataCount)")
    }
    return (Int(tensors), Int(metadata))
  }

  private mutating func readAlignment(_ cursor: GGUFCursor) throws(FormatError) {
    guard let given = metadata.first(where: { $0.key == "general.alignment" })?.value else {
      return
    }
    guard let value = given.integer, value >= 8, value <= 1 << 20, value & (value - 1) == 0 else {
      throw FormatError(
        .malformed, what: "general.alignment is \(given)", place: cursor.path,
        expected: "a power of two from 8 to 2^20")
    }
    alignment = value
  }

  private func info(
    _ cursor: inout GGUFCursor
  ) throws(FormatError) -> (name: String, entry: GGUFTensorEntry, place: Int) {
    let place = cursor.position
    let name = try cursor.string(longest: Self.longestName)
    let rank: UInt32 = try cursor.integer()
    guard rank <= 4 else {
      throw cursor.mistake("tensor \"\(name)\" has \(rank) axes", "at most 4", at: place)
    }
    var shape: [Int] = []
    for _ in 0..<rank {
      let length: UInt64 = try cursor.integer()
      guard let length = Int(exactly: length) else {
        throw cursor.mistake("tensor \"\(name)\" has an axis of \(length)", "fewer", at: place)
      }
      shape.insert(length, at: 0)
    }
    let code: UInt32 = try cursor.integer()
    let offset: UInt64 = try cursor.integer()
    guard let offset = Int(exactly: offset) else {
      throw cursor.mistake("tensor \"\(name)\" starts at \(offset)", "less", at: place)
    }
    let type = GGUFTensorType(code: code)
    guard type != nil || GGUFTensorType.unread[code] != nil else {
      throw cursor.mistake(
        "tensor \"\(name)\" has the unknown type \(code)", "a type of ggml", at: place)
    }
    return (
      name, GGUFTensorEntry(shape: shape, type: type, typeCode: code, byteOffset: offset), place
    )
  }

  /// Gives every tensor its place in the file, after checking that it lies in the data, alone.
  private mutating func place(
    _ infos: [(name: String, entry: GGUFTensorEntry, place: Int)], _ data: Range<Int>,
    _ cursor: GGUFCursor
  ) throws(FormatError) {
    var spans: [(start: Int, end: Int, name: String)] = []
    for (name, entry, place) in infos {
      guard entry.byteOffset % alignment == 0 else {
        throw cursor.mistake(
          "tensor \"\(name)\" starts at \(entry.byteOffset)", "a multiple of \(alignment)",
          at: place)
      }
      var size = 0
      if let type = entry.type {
        guard let known = type.byteCount(shape: entry.shape) else {
          throw cursor.mistake(
            "tensor \"\(name)\" of \(entry.shape) is no whole blocks or too large",
            "rows of whole blocks, and fewer than 2^63 bytes", at: place)
        }
        size = known
      }
      guard entry.byteOffset <= data.count, size <= data.count - entry.byteOffset else {
        throw cursor.mistake(
          "tensor \"\(name)\" takes \(size) bytes from \(entry.byteOffset) on",
          "a place in the \(data.count) bytes of data", at: place,
          hint: "is the download complete?")
      }
      names.append(name)
      let moved = GGUFTensorEntry(
        shape: entry.shape, type: entry.type, typeCode: entry.typeCode,
        byteOffset: data.lowerBound + entry.byteOffset)
      guard entries.updateValue(moved, forKey: ExactString(name)) == nil else {
        throw cursor.mistake("the tensor \"\(name)\" occurs twice", "each name once", at: place)
      }
      spans.append((entry.byteOffset, entry.byteOffset + size, name))
    }
    spans.sort { ($0.start, $0.end) < ($1.start, $1.end) }
    for (left, right) in zip(spans, spans.dropFirst()) where right.start < left.end {
      throw FormatError(
        .inconsistent, what: "the tensors \"\(left.name)\" and \"\(right.name)\" overlap",
        place: cursor.path, expected: "each byte in one tensor")
    }
  }
}
