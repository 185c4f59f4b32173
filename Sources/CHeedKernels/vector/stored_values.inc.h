// c (+)= P V for few rows of P, with bf16 values as they lie in a cache: rows are joined to pairs in
// registers. HEED_FEW_ROWS rows of P are taken at once. See stored_keys.inc.h.

/// Bytes from a line to the one that is asked for, where values are dense; rows where they are not.
#define HEED_VALUES_AHEAD 8192
#define HEED_VALUE_ROWS_AHEAD 32

HEED_INLINE void HEED_NAME(_value_block_)(const int rows, const int vectors, ptrdiff_t last,
                                          ptrdiff_t k, const uint32_t *a, const uint16_t *values,
                                          ptrdiff_t stride, ptrdiff_t ahead, float *c,
                                          ptrdiff_t c_stride, int accumulate) {
  vf sum[HEED_FEW_ROWS][8];
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < vectors; j++) {
      const ptrdiff_t count = j + 1 < vectors ? VL : last;
      sum[i][j] = accumulate ? v_get(c + i * c_stride + j * VL, count) : v_set(0);
    }
  }
  for (ptrdiff_t kk = 0; kk < k; kk += 2, a++, values += 2 * stride) {
    const uint16_t *next = values + stride;
    for (ptrdiff_t at = 0; at < vectors * VL; at += 32) {
      HEED_PREFETCH_NEAR(values + ahead + at);
      HEED_PREFETCH_NEAR(next + ahead + at);
    }
    vi pairs[8];
    HEED_UNROLL for (int j = 0; j < vectors; j++) {
      const ptrdiff_t count = j + 1 < vectors ? VL : last;
      vf high = kk + 1 < k ? v_get_bf16(next + j * VL, count) : v_set(0);
      pairs[j] = v_join_pairs(v_get_bf16(values + j * VL, count), high);
    }
    HEED_UNROLL for (int i = 0; i < rows; i++) {
      const vi left = v_set_bits(a[i * (HEED_SCORE_STRIDE / 2)]);
      HEED_UNROLL for (int j = 0; j < vectors; j++) {
        sum[i][j] = v_dot_pairs(left, pairs[j], sum[i][j]);
      }
    }
  }
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < vectors; j++) {
      v_put(c + i * c_stride + j * VL, sum[i][j], j + 1 < vectors ? VL : last);
    }
  }
}

#define HEED_GROUP(rows, vectors)                                                                \
  case rows:                                                                                     \
    for (; n - j >= vectors * VL; j += vectors * VL) HEED_BLOCK(rows, vectors, VL);              \
    for (; j < n; j += VL) HEED_BLOCK(rows, 1, heed_smaller(VL, n - j));                         \
    break;

#define HEED_BLOCK(rows, vectors, last)                                                          \
  HEED_NAME(_value_block_)(rows, vectors, last, k, a + i * (HEED_SCORE_STRIDE / 2), values + j,  \
                           stride, ahead, c + i * c_stride + j, c_stride, accumulate)

void HEED_NAME(_add_values_u16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                const uint16_t *values, ptrdiff_t stride, float *c,
                                ptrdiff_t c_stride, int accumulate) {
  const ptrdiff_t ahead = stride == n ? HEED_VALUES_AHEAD / 2 : HEED_VALUE_ROWS_AHEAD * stride;
  for (ptrdiff_t i = 0; i < m; i += HEED_FEW_ROWS) {
    ptrdiff_t j = 0;
    // With fewer rows more vectors, so that enough independent sums hide the latency of one.
    switch (heed_smaller(HEED_FEW_ROWS, m - i)) {
      HEED_GROUP(1, HEED_FEW_ROWS)
      HEED_GROUP(2, HEED_FEW_ROWS)
      HEED_GROUP(3, 4)
      HEED_GROUP(4, 4)
#if HEED_FEW_ROWS == 8
      HEED_GROUP(5, 2)
      HEED_GROUP(6, 2)
      HEED_GROUP(7, 2)
      HEED_GROUP(8, 2)
#endif
    }
  }
}
#undef HEED_GROUP
#undef HEED_BLOCK
#undef HEED_VALUES_AHEAD
#undef HEED_VALUE_ROWS_AHEAD
