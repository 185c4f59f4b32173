// Loops over arrays: whole vectors, then one part.

/// `count` elements, zeros after them; count is VL in the loops that matter, and known there.
HEED_INLINE vf v_get(const float *p, ptrdiff_t count) {
  return count == VL ? v_load(p) : v_load_part(p, count);
}
/// The same where only `left` are there to be read; none or fewer than none gives zeros.
HEED_INLINE vf v_get_within(const float *p, ptrdiff_t count, ptrdiff_t left) {
  if (left >= count) return v_get(p, count);
  return left > 0 ? v_load_part(p, left) : v_set(0);
}
HEED_INLINE vf v_get_bf16(const uint16_t *p, ptrdiff_t count) {
  return count == VL ? v_load_bf16(p) : v_load_bf16_part(p, count);
}
HEED_INLINE void v_put(float *p, vf x, ptrdiff_t count) {
  if (count == VL) {
    v_store(p, x);
  } else {
    v_store_part(p, x, count);
  }
}

/// Runs the statements for each vector of n elements: `at` is its first, `count` its size.
#define HEED_EACH(n, ...)                                   \
  do {                                                      \
    ptrdiff_t next = 0;                                     \
    for (; next + VL <= (n); next += VL) {                  \
      const ptrdiff_t at = next, count = VL;                \
      __VA_ARGS__                                           \
    }                                                       \
    if (next < (n)) {                                       \
      const ptrdiff_t at = next, count = (n) - next;        \
      __VA_ARGS__                                           \
    }                                                       \
  } while (0)

/// A sum has 64 lanes whatever VL is (32 in score tiles); lane i adds elements i, i + 64, ...
/// In vectors:
#define HEED_LANES (64 / VL)
#define HEED_SCORE_LANES (32 / VL)

#define HEED_EACH_LANE(n, ...) HEED_EACH_OF_LANES(HEED_LANES, n, __VA_ARGS__)

/// As HEED_EACH, with `lane`, the index of the vector among `lanes`.
#define HEED_EACH_OF_LANES(lanes, n, ...)                                \
  do {                                                                   \
    ptrdiff_t next = 0;                                                  \
    for (; next + lanes * VL <= (n); next += lanes * VL) {               \
      HEED_UNROLL for (int lane = 0; lane < lanes; lane++) {             \
        const ptrdiff_t at = next + lane * VL, count = VL;               \
        __VA_ARGS__                                                      \
      }                                                                  \
    }                                                                    \
    HEED_UNROLL for (int lane = 0; lane < lanes; lane++) {               \
      const ptrdiff_t at = next + lane * VL;                             \
      if (at < (n)) {                                                    \
        const ptrdiff_t count = heed_smaller(VL, (n) - at);              \
        __VA_ARGS__                                                      \
      }                                                                  \
    }                                                                    \
  } while (0)

#define HEED_ZERO_LANES(name, lanes) \
  vf name[lanes];                    \
  HEED_UNROLL for (int lane = 0; lane < lanes; lane++) name[lane] = v_set(0)

/// Halves added until one lane is left.
HEED_INLINE float v_fold_lanes(vf *sums, const int lanes) {
  HEED_UNROLL for (int half = lanes / 2; half > 0; half /= 2) {
    HEED_UNROLL for (int i = 0; i < half; i++) sums[i] = v_add(sums[i], sums[i + half]);
  }
  return v_fold_add(sums[0]);
}
