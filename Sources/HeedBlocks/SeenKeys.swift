import HeedAttention
import HeedTensor

/// The keys and values that an attention of a block sees.
enum SeenKeys {
  /// `[B, G, S, D]` and `[B, G, S, Dv]`.
  case tensors(keys: Tensor, values: Tensor)
  /// Where a cache keeps them: 8-bit rows are then read in place, not written out as floats.
  case cached(KeyValueCache)

  /// As tensors, whatever they are.
  var tensors: (keys: Tensor, values: Tensor) {
    switch self {
    case .tensors(let keys, let values): return (keys, values)
    case .cached(let cache):
      guard let keys = cache.keys, let values = cache.values else {
        preconditionFailure("SeenKeys: a cache that was appended to is empty")
      }
      return (keys, values)
    }
  }
}
