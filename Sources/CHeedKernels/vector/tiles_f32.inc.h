// Matrix tiles in f32; how they are cut into blocks is in tiles.h.

#include "tiles.h"

/// rows x columns vectors at c; `last` elements are in the last vector of each row. The counts
/// are constants where it is called, so that the loops unroll and `sum` lives in registers.
HEED_INLINE void HEED_NAME(_block_f32)(const int rows, const int columns, ptrdiff_t last,
                                       ptrdiff_t k, const float *a, ptrdiff_t row_step,
                                       ptrdiff_t k_step, const float *b, ptrdiff_t b_stride,
                                       float *c, ptrdiff_t c_stride, int accumulate) {
  vf sum[HEED_TILE_ROWS][HEED_WIDE_COLUMNS];
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const ptrdiff_t count = j + 1 < columns ? VL : last;
      sum[i][j] = accumulate ? v_get(c + i * c_stride + j * VL, count) : v_set(0);
    }
  }
  for (ptrdiff_t kk = 0; kk < k; kk++, a += k_step, b += b_stride) {
    vf right[HEED_WIDE_COLUMNS];
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      right[j] = v_get(b + j * VL, j + 1 < columns ? VL : last);
    }
    HEED_UNROLL for (int i = 0; i < rows; i++) {
      vf left = v_set(a[i * row_step]);
      HEED_UNROLL for (int j = 0; j < columns; j++) {
        sum[i][j] = v_fma(left, right[j], sum[i][j]);
      }
    }
  }
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      v_put(c + i * c_stride + j * VL, sum[i][j], j + 1 < columns ? VL : last);
    }
  }
}

HEED_TILE(HEED_NAME(_any_tile_f32), float, HEED_NAME(_block_f32), HEED_TILE_ROWS)

void HEED_NAME(_tile_f32)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                          ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,
                          ptrdiff_t c_stride, int accumulate) {
  HEED_NAME(_any_tile_f32)(m, n, k, a, 1, a_stride, b, b_stride, c, c_stride, accumulate);
}

void HEED_NAME(_tile_rows_f32)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                               const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                               int accumulate) {
  HEED_NAME(_any_tile_f32)
  (m, n, k, a, HEED_SCORE_STRIDE, 1, b, b_stride, c, c_stride, accumulate);
}
