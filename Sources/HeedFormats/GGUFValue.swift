/// A value of a GGUF file's metadata, with the type that the file gives it.
public enum GGUFValue: Sendable, Equatable {
  case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32)
  case uint64(UInt64), int64(Int64)
  case float32(Float), float64(Double)
  case bool(Bool)
  case string(String)
  case array(GGUFArray)

  /// The whole number, if it is one that fits.
  public var integer: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    case .float32, .float64, .bool, .string, .array: nil
    }
  }

  /// The number, if it is one.
  public var number: Double? {
    switch self {
    // Through text, so that 0.1 stays 0.1: the nearest double of what a person wrote.
    case .float32(let value): Double("\(value)") ?? Double(value)
    case .float64(let value): value
    default: integer.map { Double($0) }
    }
  }

  /// The truth value, if it is one.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The string, if it is one.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The array, if it is one.
  public var array: GGUFArray? { if case .array(let value) = self { value } else { nil } }

  var type: GGUFValueType {
    switch self {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .uint64: .uint64
    case .int64: .int64
    case .float32: .float32
    case .float64: .float64
    case .bool: .bool
    case .string: .string
    case .array: .array
    }
  }

  /// The bytes of the value alone, without its type.
  var bytes: [UInt8] {
    switch self {
    case .uint8(let value): value.littleEndianBytes
    case .int8(let value): value.littleEndianBytes
    case .uint16(let value): value.littleEndianBytes
    case .int16(let value): value.littleEndianBytes
    case .uint32(let value): value.littleEndianBytes
    case .int32(let value): value.littleEndianBytes
    case .uint64(let value): value.littleEndianBytes
    case .int64(let value): value.littleEndianBytes
    case .float32(let value): value.bitPattern.littleEndianBytes
    case .float64(let value): value.bitPattern.littleEndianBytes
    case .bool(let value): [value ? 1 : 0]
    case .string(let value): UInt64(value.utf8.count).littleEndianBytes + Array(value.utf8)
    case .array(let value):
      value.elementType.rawValue.littleEndianBytes + UInt64(value.count).littleEndianBytes
        + value.bytes
    }
  }
}

/// The types of values, by their numbers in the format.
enum GGUFValueType: UInt32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64
  case float64

  /// Bytes of a value; nil for strings and arrays, which say themselves how long they are.
  var byteCount: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }
}

extension FixedWidthInteger {
  var littleEndianBytes: [UInt8] {
    (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
  }

  /// From the first bytes, least first.
  init(littleEndianBytes bytes: ArraySlice<UInt8>) {
    var value: Self = 0
    for byte in bytes.reversed() { value = value << 8 | Self(truncatingIfNeeded: byte) }
    self = value
  }
}

/// An array of a GGUF file's metadata, of values of one type, kept as its bytes: vocabularies have
/// hundreds of thousands of entries that not everybody asks for.
public struct GGUFArray: Sendable, Equatable {
  let elementType: GGUFValueType
  /// The number of values.
  public let count: Int
  let bytes: [UInt8]

  init(elementType: GGUFValueType, count: Int, bytes: [UInt8]) {
    self.elementType = elementType
    self.count = count
    self.bytes = bytes
  }

  /// An array of strings.
  public init(_ strings: [String]) {
    self.init(
      elementType: .string, count: strings.count,
      bytes: strings.flatMap { GGUFValue.string($0).bytes })
  }

  /// An array of numbers.
  public init(_ numbers: [Float]) {
    self.init(
      elementType: .float32, count: numbers.count,
      bytes: numbers.flatMap { $0.bitPattern.littleEndianBytes })
  }

  /// An array of whole numbers.
  public init(_ integers: [Int32]) {
    self.init(
      elementType: .int32, count: integers.count, bytes: integers.flatMap(\.littleEndianBytes))
  }

  /// An array of bytes.
  public init(_ bytes: [UInt8]) {
    self.init(elementType: .uint8, count: bytes.count, bytes: bytes)
  }

  /// The values.
  ///
  /// - Complexity: O(bytes).
  public var values: [GGUFValue] {
    if let size = elementType.byteCount {
      return (0..<count).map {
        GGUFArray.value(elementType, bytes[$0 * size..<($0 + 1) * size])
      }
    }
    return (strings ?? []).map { .string($0) }
  }

  /// The strings, if they are strings; bytes that are no UTF-8 become U+FFFD.
  public var strings: [String]? {
    guard elementType == .string else { return nil }
    return strings { _ in true }.map(\.text)
  }

  /// The strings whose numbers are asked for, with them; none where there are no strings.
  package func strings(where isWanted: (Int) -> Bool) -> [(number: Int, text: String)] {
    var result: [(number: Int, text: String)] = []
    var number = -1
    forEachString {
      number += 1
      if isWanted(number) { result.append((number, String(decoding: $0, as: UTF8.self))) }
    }
    return result
  }

  /// Calls `body` with the bytes of each string in order; with nothing where they are no strings.
  package func forEachString(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    guard elementType == .string else { return }
    try bytes.withUnsafeBytes { bytes in
      var place = 0
      while place + 8 <= bytes.count {
        // The lengths were checked when the file was opened.
        let length = Int(
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
        try body(UnsafeRawBufferPointer(rebasing: bytes[place + 8..<place + 8 + length]))
        place += 8 + length
      }
    }
  }

  /// Bytes that the values take in the file, the lengths of strings included.
  package var byteCount: Int { bytes.count }

  /// Whether they are strings.
  package var hasStrings: Bool { elementType == .string }

  /// The numbers, if they are numbers.
  public var numbers: [Double]? {
    guard elementType != .string, elementType != .bool else { return nil }
    let numbers = values.map(\.number)
    return numbers.contains { $0 == nil } ? nil : numbers.compactMap { $0 }
  }

  /// The whole numbers, if they are whole.
  public var integers: [Int]? {
    switch elementType {
    case .uint8: integers(of: UInt8.self)
    case .int8: integers(of: Int8.self)
    case .uint16: integers(of: UInt16.self)
    case .int16: integers(of: Int16.self)
    case .uint32: integers(of: UInt32.self)
    case .int32: integers(of: Int32.self)
    case .uint64: integers(of: UInt64.self)
    case .int64: integers(of: Int64.self)
    case .float32, .float64, .bool, .string, .array: nil
    }
  }

  /// The values of a type; nil where one does not fit.
  private func integers<I: FixedWidthInteger>(of type: I.Type) -> [Int]? {
    bytes.withUnsafeBytes { bytes in
      var result: [Int] = []
      result.reserveCapacity(count)
      for number in 0..<count {
        let place = number * I.bitWidth / 8
        let value = I(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: I.self))
        guard let integer = Int(exactly: value) else { return nil }
        result.append(integer)
      }
      return result
    }
  }

  /// A value of a type that has a size of its own.
  static func value(_ type: GGUFValueType, _ bytes: ArraySlice<UInt8>) -> GGUFValue {
    switch type {
    case .uint8: .uint8(UInt8(littleEndianBytes: bytes))
    case .int8: .int8(Int8(littleEndianBytes: bytes))
    case .uint16: .uint16(UInt16(littleEndianBytes: bytes))
    case .int16: .int16(Int16(littleEndianBytes: bytes))
    case .uint32: .uint32(UInt32(littleEndianBytes: bytes))
    case .int32: .int32(Int32(littleEndianBytes: bytes))
    case .uint64: .uint64(UInt64(littleEndianBytes: bytes))
    case .int64: .int64(Int64(littleEndianBytes: bytes))
    case .float32: .float32(Float(bitPattern: UInt32(littleEndianBytes: bytes)))
    case .float64: .float64(Double(bitPattern: UInt64(littleEndianBytes: bytes)))
    case .bool, .string, .array: .bool(bytes.first == 1)
    }
  }
}
