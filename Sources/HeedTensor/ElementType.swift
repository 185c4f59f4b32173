/// What one element of a tensor is.
///
/// Mathematics runs in `float32` (and in `float64`, the precision in which tests judge accuracy);
/// `bfloat16` and `float16` are storage: they are converted where they are read.
public enum ElementType: String, Sendable, CaseIterable, Hashable {
  case float64, float32, bfloat16, float16
  case int64, int32, int16, int8, uint8, bool

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .bfloat16, .float16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// True for the four floating-point types.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .bfloat16, .float16: true
    case .int64, .int32, .int16, .int8, .uint8, .bool: false
    }
  }
}

/// A Swift type whose values lie in a tensor as they are.
public protocol TensorElement: Sendable, BitwiseCopyable {
  /// The element type of tensors of `Self`.
  static var elementType: ElementType { get }
}

extension Double: TensorElement {
  /// `float64`.
  public static var elementType: ElementType { .float64 }
}

extension Float: TensorElement {
  /// `float32`.
  public static var elementType: ElementType { .float32 }
}

extension Int64: TensorElement {
  /// `int64`.
  public static var elementType: ElementType { .int64 }
}

extension Int32: TensorElement {
  /// `int32`.
  public static var elementType: ElementType { .int32 }
}

extension Int16: TensorElement {
  /// `int16`.
  public static var elementType: ElementType { .int16 }
}

extension Int8: TensorElement {
  /// `int8`.
  public static var elementType: ElementType { .int8 }
}

extension UInt8: TensorElement {
  /// `uint8`.
  public static var elementType: ElementType { .uint8 }
}

extension Bool: TensorElement {
  /// `bool`.
  public static var elementType: ElementType { .bool }
}
