// Plain C: what is done to a score tile between the products, one loop each.

#include <math.h>

#include "score_tiles.h"

void heed_generic_score_bias_f32(ptrdiff_t m, ptrdiff_t n, float *s, float scale,
                                 const float *bias, ptrdiff_t bias_stride) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) {
      float *score = s + i * HEED_SCORE_STRIDE + j;
      *score = bias ? fmaf(*score, scale, bias[i * bias_stride + j]) : *score * scale;
    }
}

void heed_generic_score_cap_f32(ptrdiff_t m, ptrdiff_t n, float *s, float cap) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) {
      float *score = s + i * HEED_SCORE_STRIDE + j;
      *score = cap * tanhf(*score / cap);
    }
}

void heed_generic_score_cap_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *s, float *ds,
                                         float cap) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) {
      const float t = s[i * HEED_SCORE_STRIDE + j] / cap;
      ds[i * HEED_SCORE_STRIDE + j] *= 1 - t * t;
    }
}

void heed_generic_score_distance_f32(ptrdiff_t m, ptrdiff_t n, float *s, const float *slope,
                                     const float *center) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) {
      float *score = s + i * HEED_SCORE_STRIDE + j;
      *score = fmaf(slope[i], fabsf((float)j - center[i]), *score);
    }
}

void heed_generic_score_range_f32(ptrdiff_t m, ptrdiff_t n, float *s, const int32_t *low,
                                  const int32_t *high) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++)
      if (j < low[i] || j >= high[i]) s[i * HEED_SCORE_STRIDE + j] = -INFINITY;
}

void heed_generic_score_mask_f32(ptrdiff_t m, ptrdiff_t n, float *s, const uint8_t *mask,
                                 ptrdiff_t stride) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++)
      if (!mask[i * stride + j]) s[i * HEED_SCORE_STRIDE + j] = -INFINITY;
}

void heed_generic_pack_transposed_u32(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,
                                      ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk++)
    for (ptrdiff_t row = 0; row < width; row++)
      dst[kk * width + row] = row < rows ? src[row * row_stride + kk] : 0;
}

void heed_generic_pack_pairs_u16(ptrdiff_t k, ptrdiff_t n, const uint16_t *src,
                                 ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk += 2)
    for (ptrdiff_t j = 0; j < width; j++) {
      const uint32_t low = j < n ? src[kk * row_stride + j] : 0;
      const uint32_t high = j < n && kk + 1 < k ? src[(kk + 1) * row_stride + j] : 0;
      dst[kk / 2 * width + j] = low | high << 16;
    }
}
