import HeedAttention
public import HeedTensor

/// What latent attention keeps of each token, one row for all heads.
///
/// float32 and bfloat16 rows are latents and rotary keys side by side, which the absorbed form reads as
/// they lie. A latent is normed and a rotary key is not: in 8 bits each has a scale of its own.
public struct LatentCache: Sendable {
  private var cache: KeyValueCache

  /// An empty cache.
  ///
  /// - Parameter elementType: float32, bfloat16 or int8.
  public init(elementType: ElementType = .float32) {
    cache = KeyValueCache(elementType: elementType)
  }

  /// Tokens in the cache: the position of the next one.
  public var count: Int { cache.count }

  /// Adds the latents `[B, n, C]` and rotary keys `[B, n, R]` of tokens and gives those of all.
  mutating func append(_ latent: Tensor, _ rotaryKey: Tensor) -> LatentRows {
    let kept = LatentRows.kept(latent, rotaryKey, as: cache.elementType)
    cache.append(keys: kept.keys, values: kept.values)
    return LatentRows(.cached(cache))
  }
}

/// The latents and rotary keys that an attention sees.
enum LatentRows {
  /// Side by side, `[B, 1, S, C + R]`.
  case joined(Tensor)
  /// 8-bit latents as the keys of a cache, 8-bit rotary keys as its values.
  case apart(KeyValueCache)

  /// The latents and rotary keys of tokens side by side, `[B, T, C + R]`.
  init(_ latent: Tensor, _ rotaryKey: Tensor) {
    self = .joined(latent.concatenated(with: rotaryKey, alongAxis: 2).expanded(axis: 1))
  }

  /// What was kept by `kept(_:_:as:)`.
  init(_ seen: SeenKeys) {
    if case .cached(let cache) = seen, cache.elementType == .int8 {
      self = .apart(cache)
    } else {
      self = .joined(seen.tensors.keys)
    }
  }

  /// The keys and values by which a cache of `elementType` keeps tokens: `[B, 1, n, C + R]` and nothing, or
  /// latents and rotary keys apart.
  static func kept(
    _ latent: Tensor, _ rotaryKey: Tensor, as elementType: ElementType?
  ) -> (keys: Tensor, values: Tensor) {
    if elementType == .int8 { return (latent.expanded(axis: 1), rotaryKey.expanded(axis: 1)) }
    let keys = latent.concatenated(with: rotaryKey, alongAxis: 2).expanded(axis: 1)
    return (keys, Tensor(zeros: keys.shape.dropLast() + [0], keys.elementType))
  }

  /// Side by side as numbers, `[B, 1, S, C + R]`.
  var tensor: Tensor {
    switch self {
    case .joined(let rows): return rows
    case .apart(let cache):
      let (latents, rotaryKeys) = SeenKeys.cached(cache).tensors
      return latents.concatenated(with: rotaryKeys, alongAxis: 3)
    }
  }
}
