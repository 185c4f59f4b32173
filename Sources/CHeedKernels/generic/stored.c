// Few rows against stored keys and values, the specification: the sums of the tiles, in their order.

#include "../variant.h"
#include "scalar.h"

void heed_generic_score_keys_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                                 ptrdiff_t a_stride, const float *keys, ptrdiff_t key_stride,
                                 float *c, ptrdiff_t c_stride) {
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      float sum = 0;
      for (ptrdiff_t kk = 0; kk < k; kk++) sum += a[kk * a_stride + i] * keys[j * key_stride + kk];
      c[i * c_stride + j] = sum;
    }
  }
}

void heed_generic_score_keys_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                  ptrdiff_t a_stride, const uint32_t *keys, ptrdiff_t key_stride,
                                  float *c, ptrdiff_t c_stride) {
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      float sum = 0;
      for (ptrdiff_t kk = 0; kk < k; kk++) {
        uint32_t pair = a[kk * a_stride + i], key = keys[j * key_stride + kk];
        sum += heed_pair_low(pair) * heed_pair_low(key);
        sum += heed_pair_high(pair) * heed_pair_high(key);
      }
      c[i * c_stride + j] = sum;
    }
  }
}

void heed_generic_add_values_u16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                 const uint16_t *values, ptrdiff_t value_stride, float *c,
                                 ptrdiff_t c_stride, int accumulate) {
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      float sum = accumulate ? c[i * c_stride + j] : 0;
      for (ptrdiff_t kk = 0; kk < k; kk++) {
        uint32_t pair = a[i * (HEED_SCORE_STRIDE / 2) + kk / 2];
        float weight = kk % 2 ? heed_pair_high(pair) : heed_pair_low(pair);
        sum += weight * heed_f32_of_bf16(values[kk * value_stride + j]);
      }
      // As in the tiles, where the partner of an odd last row is a zero.
      if (k % 2) sum += heed_pair_high(a[i * (HEED_SCORE_STRIDE / 2) + k / 2]) * 0.0f;
      c[i * c_stride + j] = sum;
    }
  }
}
