import HeedFormats
public import HeedTensor

/// What the matrices of a converted model are: numbers, or blocks of 8 to 4 bits (ggml's types of these
/// names, see `BlockType`).
///
/// In blocks of fewer than 8 bits the token embedding and the head, which they hurt most, are q6_k. Rows
/// that are no whole blocks take the nearest type of more bits whose blocks they are.
public enum ConversionType: String, Sendable, CaseIterable {
  case f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k

  /// The type of a matrix whose rows have `width` values.
  ///
  /// - Parameter isTable: whether it is the token embedding or the head.
  func type(width: Int, isTable: Bool) -> GGUFTensorType {
    guard let wanted = blocks(isTable: isTable) else { return .elements(elementType ?? .float32) }
    return Self.replacements(of: wanted).first { width % $0.blockWidth == 0 }.map { .blocks($0) }
      ?? .elements(.float16)
  }

  /// The blocks that a matrix is to be made of; nil for numbers.
  func blocks(isTable: Bool) -> BlockType? {
    guard let blocks = BlockType(rawValue: rawValue) else { return nil }
    return isTable && blocks != .q8_0 ? .q6_K : blocks
  }

  /// A type and what takes its place where rows are no whole blocks of it, as llama.cpp has it.
  private static func replacements(of type: BlockType) -> [BlockType] {
    switch type {
    case .q4_K: [.q4_K, .q5_0]
    case .q5_K: [.q5_K, .q5_1]
    case .q6_K: [.q6_K, .q8_0]
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .mxfp4: [type]
    }
  }

  /// The element type of a safetensors file; nil for blocks, which it has not.
  public var elementType: ElementType? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_k, .q5_k, .q6_k: nil
    }
  }

  /// `general.file_type`.
  var fileType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q8_0: 7
    case .q5_0: 8
    case .q5_1: 9
    case .q4_k: 14
    case .q5_k: 16
    case .q6_k: 18
    case .bf16: 32
    }
  }
}

extension ConversionType {
  /// The type of a tensor of a GGUF file by its name.
  func type(named name: String, shape: [Int]) -> GGUFTensorType {
    guard Self.isMatrix(name, shape), let width = shape.last else { return .elements(.float32) }
    return type(width: width, isTable: Self.isTable(name))
  }

  /// The matrices among `tensors` that are of another type than asked for, because of their rows.
  func fallbacks(in tensors: [GGUFTensor]) -> [ConversionFallback] {
    var result: [ConversionFallback] = []
    for tensor in tensors where Self.isMatrix(tensor.name, tensor.shape) {
      guard let wanted = blocks(isTable: Self.isTable(tensor.name)), let width = tensor.shape.last,
        tensor.type != .blocks(wanted)
      else { continue }
      let written = if case .blocks(let type) = tensor.type { type } else { nil as BlockType? }
      var fallback = ConversionFallback(count: 0, width: width, wanted: wanted, written: written)
      let place = result.firstIndex { $0.with(count: 0) == fallback }
      fallback.count = 1 + (place.map { result[$0].count } ?? 0)
      if let place { result[place] = fallback } else { result.append(fallback) }
    }
    return result
  }

  /// Vectors, learned positions and routers stay numbers.
  private static func isMatrix(_ name: String, _ shape: [Int]) -> Bool {
    shape.count >= 2 && name.hasSuffix(".weight") && name != "position_embd.weight"
      && !name.contains("ffn_gate_inp")
  }

  private static func isTable(_ name: String) -> Bool {
    name == "token_embd.weight" || name == "output.weight"
  }
}
