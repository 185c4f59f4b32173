import HeedFormats
import HeedTensor

/// What the matrices of a converted model are.
public enum ConversionType: String, Sendable, CaseIterable {
  case f32, f16, bf16, q8_0, q4_0, q4_k

  /// The type of a matrix whose rows have `width` values; rows that are no whole blocks fall back to
  /// smaller blocks of more bits, and at last to half precision.
  ///
  /// - Parameter isTable: whether it is the token embedding or the head, which 4 bits hurt most.
  func type(width: Int, isTable: Bool) -> GGUFTensorType {
    let wanted: [BlockType]
    switch self {
    case .f32: return .elements(.float32)
    case .f16: return .elements(.float16)
    case .bf16: return .elements(.bfloat16)
    case .q8_0: wanted = [.q8_0]
    case .q4_0: wanted = isTable ? [.q6_K, .q8_0] : [.q4_0]
    case .q4_k: wanted = isTable ? [.q6_K, .q8_0] : [.q4_K, .q8_0]
    }
    return wanted.first { width % $0.blockWidth == 0 }.map { .blocks($0) } ?? .elements(.float16)
  }

  /// The element type of a safetensors file; nil for blocks, which it has not.
  var elementType: ElementType? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    case .q8_0, .q4_0, .q4_k: nil
    }
  }

  /// `general.file_type`.
  var fileType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q8_0: 7
    case .q4_k: 14
    case .bf16: 32
    }
  }
}
