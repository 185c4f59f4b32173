// The header of a safetensors file: 8 bytes of length, JSON of that length, then the data.
// Format: https://github.com/huggingface/safetensors#format
//
// The header is hostile until checked. Everything that is used later (shapes, sizes, places) is
// checked here, in this order: the length against the file, the JSON, each entry for itself, then
// all entries together, which have to cover the data without a hole or an overlap.

public import HeedTensor

/// What the header says about one tensor.
public struct SafetensorsEntry: Sendable, Hashable {
  /// The type as the file spells it, such as "BF16".
  public let typeName: String
  /// The length of each axis.
  public let shape: [Int]
  /// The bytes of the elements, counted from the start of the file.
  public let byteRange: Range<Int>

  /// The element type, or nil where the format has it and Heed has not.
  public var elementType: ElementType? { SafetensorsType.known[typeName]?.elementType }
}

/// The element types of the format.
enum SafetensorsType {
  static let known: [String: (bits: Int, elementType: ElementType?)] = [
    "F64": (64, .float64), "F32": (32, .float32), "F16": (16, .float16), "BF16": (16, .bfloat16),
    "I64": (64, .int64), "I32": (32, .int32), "I16": (16, .int16), "I8": (8, .int8),
    "U8": (8, .uint8), "BOOL": (8, .bool),
    "U64": (64, nil), "U32": (32, nil), "U16": (16, nil), "F8_E4M3": (8, nil), "F8_E5M2": (8, nil),
    "F8_E8M0": (8, nil), "C64": (64, nil), "F4": (4, nil), "F6_E2M3": (6, nil), "F6_E3M2": (6, nil),
  ]

  static func name(of elementType: ElementType) -> String {
    switch elementType {
    case .float64: "F64"
    case .float32: "F32"
    case .bfloat16: "BF16"
    case .float16: "F16"
    case .int64: "I64"
    case .int32: "I32"
    case .int16: "I16"
    case .int8: "I8"
    case .uint8: "U8"
    case .bool: "BOOL"
    }
  }
}

struct SafetensorsHeader {
  /// The reference implementation accepts as much.
  static let largestHeader = 100_000_000

  var metadata: [(key: String, value: String)] = []
  var names: [String] = []
  var entries: [ExactString: SafetensorsEntry] = [:]

  init(_ file: MappedFile) throws(FormatError) {
    let length = try Self.headerLength(file)
    let dataStart = 8 + length
    let bytes = file.bytes(in: 8..<dataStart)
    guard bytes.first == UInt8(ascii: "{") else {
      throw FormatError(
        .malformed, what: "the header does not start with an object", place: file.path,
        expected: "'{' at byte 8")
    }
    let json = try JSONValue(parsing: bytes, place: "\(file.path) (header, from byte 8)")
    for (name, value) in json.object?.members ?? [] {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, file.path)
        continue
      }
      names.append(name)
      entries[ExactString(name)] = try Self.entry(
        value, place: "\(file.path), tensor \"\(name)\"", dataStart..<file.byteCount)
    }
    try checkCoverage(dataStart..<file.byteCount, file.path)
  }

  private static func headerLength(_ file: MappedFile) throws(FormatError) -> Int {
    guard file.byteCount >= 8 else {
      throw FormatError(
        .malformed, what: "the file has \(file.byteCount) bytes", place: file.path,
        expected: "8 bytes of header length",
        hint: file.byteCount == 0 ? "is the download complete?" : nil)
    }
    let length = file.bytes(in: 0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(largestHeader) else {
      throw FormatError(
        .limit, what: "the header claims \(length) bytes", place: file.path,
        expected: "at most \(largestHeader)", hint: "this may be no safetensors file")
    }
    guard Int(length) <= file.byteCount - 8 else {
      throw FormatError(
        .malformed, what: "the header claims \(length) bytes, the file has \(file.byteCount)",
        place: file.path, expected: "a header inside the file", hint: "is the download complete?")
    }
    return Int(length)
  }

  private static func metadata(
    _ value: JSONValue, _ path: String
  ) throws(FormatError) -> [(key: String, value: String)] {
    guard let object = value.object else {
      throw FormatError(
        .malformed, what: "__metadata__ is \(value.kindName)", place: path, expected: "an object")
    }
    var result: [(key: String, value: String)] = []
    for (key, value) in object.members {
      guard let text = value.string else {
        throw FormatError(
          .malformed, what: "__metadata__ \"\(key)\" is \(value.kindName)", place: path,
          expected: "a string")
      }
      result.append((key, text))
    }
    return result
  }

  private static func entry(
    _ value: JSONValue, place: String, _ data: Range<Int>
  ) throws(FormatError) -> SafetensorsEntry {
    func mistake(_ what: String, _ expected: String, _ hint: String? = nil) -> FormatError {
      FormatError(.malformed, what: what, place: place, expected: expected, hint: hint)
    }
    guard let object = value.object else {
      throw mistake("the entry is \(value.kindName)", "an object")
    }
    if let stranger = object.keys.first(where: { !["dtype", "shape", "data_offsets"].contains($0) })
    {
      throw mistake("unknown key \"\(stranger)\"", "dtype, shape and data_offsets")
    }
    guard let typeName = object["dtype"]?.string, let type = SafetensorsType.known[typeName] else {
      throw mistake(
        "dtype is \(object["dtype"]?.text() ?? "absent")",
        "one of \(SafetensorsType.known.keys.sorted().joined(separator: ", "))")
    }
    guard let shape = lengths(object["shape"]) else {
      throw mistake("shape is \(object["shape"]?.text() ?? "absent")", "lengths of 0 or more")
    }
    guard let offsets = lengths(object["data_offsets"]), offsets.count == 2,
      offsets[0] <= offsets[1], offsets[1] <= data.count
    else {
      throw mistake(
        "data_offsets is \(object["data_offsets"]?.text() ?? "absent")",
        "a start and an end, in order, within the \(data.count) bytes of data",
        "is the download complete?")
    }
    var bits = type.bits
    for length in shape {
      // An axis of 0 makes the tensor empty, but not the strides of the others small.
      let (product, overflows) = bits.multipliedReportingOverflow(by: max(1, length))
      guard !overflows else { throw mistake("shape \(shape) overflows 64 bits", "a smaller shape") }
      bits = product
    }
    if shape.contains(0) { bits = 0 }
    guard bits % 8 == 0, bits / 8 == offsets[1] - offsets[0] else {
      throw mistake(
        "\(typeName) \(shape) takes \(bits / 8) bytes, data_offsets give \(offsets[1] - offsets[0])",
        "the same number")
    }
    return SafetensorsEntry(
      typeName: typeName, shape: shape,
      byteRange: data.lowerBound + offsets[0]..<data.lowerBound + offsets[1])
  }

  private static func lengths(_ value: JSONValue?) -> [Int]? {
    guard let array = value?.array else { return nil }
    var result: [Int] = []
    for element in array {
      guard case .integer(let length) = element, length >= 0 else { return nil }
      result.append(length)
    }
    return result
  }

  private func checkCoverage(_ data: Range<Int>, _ path: String) throws(FormatError) {
    var end = data.lowerBound
    let ordered = entries.sorted {
      ($0.value.byteRange.lowerBound, $0.value.byteRange.upperBound)
        < ($1.value.byteRange.lowerBound, $1.value.byteRange.upperBound)
    }
    for (name, entry) in ordered {
      guard entry.byteRange.lowerBound == end else {
        let kind =
          entry.byteRange.lowerBound < end ? "overlaps the one before" : "leaves a hole before it"
        throw FormatError(
          .inconsistent, what: "tensor \"\(name.text)\" \(kind)", place: path,
          expected: "its data at byte \(end), not \(entry.byteRange.lowerBound)")
      }
      end = entry.byteRange.upperBound
    }
    guard end == data.upperBound else {
      throw FormatError(
        .inconsistent, what: "\(data.upperBound - end) bytes follow the last tensor", place: path,
        expected: "the end of the file at byte \(end)")
    }
  }
}
