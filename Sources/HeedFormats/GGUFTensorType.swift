public import HeedTensor

/// What a tensor of a GGUF file is made of.
public enum GGUFTensorType: Sendable, Hashable {
  /// Numbers.
  case elements(ElementType)
  /// Blocks of small weights.
  case blocks(BlockType)

  /// The type of a number in the format; nil for one that Heed does not read.
  init?(code: UInt32) {
    guard let known = Self.codes.first(where: { $0.code == code }) else { return nil }
    self = known.type
  }

  var code: UInt32 { Self.codes.first { $0.type == self }?.code ?? 0 }

  /// True for types that a file may have; `bool` and `uint8` are none.
  public var isWritable: Bool { Self.codes.contains { $0.type == self } }

  private static let codes: [(code: UInt32, type: GGUFTensorType)] = [
    (0, .elements(.float32)), (1, .elements(.float16)), (2, .blocks(.q4_0)), (3, .blocks(.q4_1)),
    (6, .blocks(.q5_0)), (7, .blocks(.q5_1)), (8, .blocks(.q8_0)), (12, .blocks(.q4_K)),
    (13, .blocks(.q5_K)), (14, .blocks(.q6_K)), (24, .elements(.int8)), (25, .elements(.int16)),
    (26, .elements(.int32)), (27, .elements(.int64)), (28, .elements(.float64)),
    (30, .elements(.bfloat16)), (39, .blocks(.mxfp4)),
  ]

  /// Names of types that are valid in a file and not read.
  static let unread: [UInt32: String] = [
    9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0",
    35: "TQ2_0",
  ]

  /// Values that belong together, and their bytes.
  var unit: (width: Int, byteCount: Int) {
    switch self {
    case .elements(let type): (1, type.byteCount)
    case .blocks(let type): (type.blockWidth, type.blockByteCount)
    }
  }

  /// Bytes of a tensor; nil when a row is no whole blocks or the number does not fit.
  public func byteCount(shape: [Int]) -> Int? {
    let (width, size) = unit
    guard (shape.last ?? 1) % width == 0 else { return nil }
    var count = 1
    // As if there were no axis of length 0: the others are strides, and have to fit too.
    for length in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: max(length, 1))
      if overflows { return nil }
      count = product
    }
    if shape.contains(0) { return 0 }
    let (bytes, overflows) = (count / width).multipliedReportingOverflow(by: size)
    return overflows ? nil : bytes
  }
}
