/// In which type the factors of a product are rounded; sums are always `float32`.
public enum ProductPrecision: String, Sendable, CaseIterable {
  /// Factors as they are.
  case float32
  /// Factors rounded to bfloat16: twice the speed where the processor has such products.
  case bfloat16
}
