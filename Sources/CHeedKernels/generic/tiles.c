// Matrix tiles, the specification: each output is one sum over k, in the order of k.

#include "../variant.h"
#include "scalar.h"

/// A(i, kk) = a[i * row_step + kk * k_step]; both layouts of A are one loop.
static void tile(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t row_step,
                 ptrdiff_t k_step, const float *b, ptrdiff_t b_stride, float *c,
                 ptrdiff_t c_stride, int accumulate) {
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = c + i * c_stride;
    if (!accumulate) {
      for (ptrdiff_t j = 0; j < n; j++) row[j] = 0;
    }
    for (ptrdiff_t kk = 0; kk < k; kk++) {
      float factor = a[i * row_step + kk * k_step];
      for (ptrdiff_t j = 0; j < n; j++) row[j] += factor * b[kk * b_stride + j];
    }
  }
}

void heed_generic_tile_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                           ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,
                           ptrdiff_t c_stride, int accumulate) {
  tile(m, n, k, a, 1, a_stride, b, b_stride, c, c_stride, accumulate);
}

void heed_generic_tile_rows_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                                const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                                int accumulate) {
  tile(m, n, k, a, HEED_SCORE_STRIDE, 1, b, b_stride, c, c_stride, accumulate);
}

/// The same over pairs; the lower of a pair is added first.
static void tile_pairs(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                       ptrdiff_t row_step, ptrdiff_t k_step, const uint32_t *b,
                       ptrdiff_t b_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = c + i * c_stride;
    if (!accumulate) {
      for (ptrdiff_t j = 0; j < n; j++) row[j] = 0;
    }
    for (ptrdiff_t kk = 0; kk < k; kk++) {
      uint32_t pair = a[i * row_step + kk * k_step];
      float low = heed_pair_low(pair), high = heed_pair_high(pair);
      for (ptrdiff_t j = 0; j < n; j++) {
        row[j] += low * heed_pair_low(b[kk * b_stride + j]);
        row[j] += high * heed_pair_high(b[kk * b_stride + j]);
      }
    }
  }
}

void heed_generic_tile_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                            ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,
                            ptrdiff_t c_stride, int accumulate) {
  tile_pairs(m, n, k, a, 1, a_stride, b, b_stride, c, c_stride, accumulate);
}

void heed_generic_tile_rows_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                 const uint32_t *b, ptrdiff_t b_stride, float *c,
                                 ptrdiff_t c_stride, int accumulate) {
  tile_pairs(m, n, k, a, HEED_SCORE_STRIDE / 2, 1, b, b_stride, c, c_stride, accumulate);
}

void heed_generic_panels_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                             ptrdiff_t a_stride, int by_rows, const float *b,
                             ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride,
                             int accumulate) {
  HEED_PANEL_BY_PANEL(tile)
}

void heed_generic_panels_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                              ptrdiff_t a_stride, int by_rows, const uint32_t *b,
                              ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride,
                              int accumulate) {
  HEED_PANEL_BY_PANEL(tile_pairs)
}
