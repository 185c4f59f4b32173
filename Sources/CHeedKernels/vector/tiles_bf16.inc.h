// Matrix tiles over pairs of bf16 where no instruction multiplies them; cut as in tiles.h.

#include "tiles.h"

/// As the block of f32. Both halves of a pair become floats in registers, the lower is added first.
HEED_INLINE void HEED_NAME(_block_bf16)(const int rows, const int columns, ptrdiff_t last,
                                        ptrdiff_t k, const uint32_t *a, ptrdiff_t row_step,
                                        ptrdiff_t k_step, const uint32_t *b, ptrdiff_t b_stride,
                                        float *c, ptrdiff_t c_stride, int accumulate) {
  vf sum[HEED_PAIR_ROWS][HEED_WIDE_COLUMNS];
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const ptrdiff_t count = j + 1 < columns ? VL : last;
      sum[i][j] = accumulate ? v_get(c + i * c_stride + j * VL, count) : v_set(0);
    }
  }
  for (ptrdiff_t kk = 0; kk < k; kk++, a += k_step, b += b_stride) {
    vf low[HEED_WIDE_COLUMNS], high[HEED_WIDE_COLUMNS];
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const ptrdiff_t count = j + 1 < columns ? VL : last;
      vi pairs = count == VL ? v_load_bits(b + j * VL) : v_load_bits_part(b + j * VL, count);
      low[j] = v_pair_low(pairs);
      high[j] = v_pair_high(pairs);
    }
    HEED_UNROLL for (int i = 0; i < rows; i++) {
      vi pair = v_set_bits(a[i * row_step]);
      vf left_low = v_pair_low(pair), left_high = v_pair_high(pair);
      HEED_UNROLL for (int j = 0; j < columns; j++) {
        sum[i][j] = v_fma(left_high, high[j], v_fma(left_low, low[j], sum[i][j]));
      }
    }
  }
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      v_put(c + i * c_stride + j * VL, sum[i][j], j + 1 < columns ? VL : last);
    }
  }
}

HEED_TILE(HEED_NAME(_any_tile_bf16), uint32_t, HEED_NAME(_block_bf16), HEED_PAIR_ROWS)

void HEED_NAME(_tile_bf16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                           ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,
                           ptrdiff_t c_stride, int accumulate) {
  HEED_NAME(_any_tile_bf16)(m, n, k, a, 1, a_stride, b, b_stride, c, c_stride, accumulate);
}

void HEED_NAME(_tile_rows_bf16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                const uint32_t *b, ptrdiff_t b_stride, float *c,
                                ptrdiff_t c_stride, int accumulate) {
  HEED_NAME(_any_tile_bf16)
  (m, n, k, a, HEED_SCORE_STRIDE / 2, 1, b, b_stride, c, c_stride, accumulate);
}
