// Plain C: what is done to a score tile between the products, one loop each.

#include <math.h>

#include "../variant.h"

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
