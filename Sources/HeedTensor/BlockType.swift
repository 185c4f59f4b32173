package import CHeedKernels

/// How a file keeps small weights: blocks of values along the rows of a matrix, each with a scale.
///
/// The types and their names are those of ggml, as GGUF files have them.
public enum BlockType: String, Sendable, CaseIterable, Hashable {
  /// 32 values of 8 bits and a scale: 8.5 bits a value.
  case q8_0
  /// 32 values of 4 bits around 8 and a scale: 4.5 bits.
  case q4_0
  /// 32 values of 4 bits, a scale and a least value: 5 bits.
  case q4_1
  /// 32 values of 5 bits around 16 and a scale: 5.5 bits.
  case q5_0
  /// 32 values of 5 bits, a scale and a least value: 6 bits.
  case q5_1
  /// 32 floats of 4 bits and a power of two: 4.25 bits (OCP Microscaling Formats 1.0).
  case mxfp4
  /// 256 values of 4 bits; each 32 have a scale and a least value of 6 bits: 4.5 bits.
  case q4_K = "q4_k"
  /// The same with 5 bits: 5.5 bits.
  case q5_K = "q5_k"
  /// 256 values of 6 bits around 32; each 16 have a scale of 8 bits: 6.6 bits.
  case q6_K = "q6_k"

  package var kernelType: heed_block_type {
    switch self {
    case .q8_0: HEED_Q8_0
    case .q4_0: HEED_Q4_0
    case .q4_1: HEED_Q4_1
    case .q5_0: HEED_Q5_0
    case .q5_1: HEED_Q5_1
    case .mxfp4: HEED_MXFP4
    case .q4_K: HEED_Q4_K
    case .q5_K: HEED_Q5_K
    case .q6_K: HEED_Q6_K
    }
  }

  /// Values of a block; rows are made of whole blocks.
  public var blockWidth: Int { heed_block_width(kernelType) }

  /// Bytes of a block.
  public var blockByteCount: Int { heed_block_bytes(kernelType) }

  /// Whether floats can be made blocks of this type; the others are only read.
  public var isWritable: Bool {
    switch self {
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_K, .q5_K, .q6_K: true
    case .mxfp4: false
    }
  }

  /// Bytes of a row of `width` values.
  ///
  /// - Precondition: the row is whole blocks.
  public func rowByteCount(width: Int) -> Int {
    precondition(
      width % blockWidth == 0,
      "BlockType: a row of \(width) values is no whole blocks of \(blockWidth)")
    return width / blockWidth * blockByteCount
  }
}
