// AVX-512: matrix tiles in f32 and the steps of the online softmax.

#if defined(__x86_64__)
#include <immintrin.h>
#include "tiles.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), \
                             apply_to = function)

#define ELEMENT float
#define ROW_STRIDE HEED_SCORE_STRIDE
#define NAME(x) f32_##x
#define FMA(acc, x, y) _mm512_fmadd_ps((__m512)(x), (__m512)(y), acc)
#define BROADCAST(p) ((__m512i)_mm512_set1_ps(*(p)))
#define LOAD(mask, p) ((__m512i)_mm512_maskz_loadu_ps(mask, p))
#include "tile_avx512.inc.h"

void heed_avx512_tile_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                          ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,
                          ptrdiff_t c_stride, int accumulate) {
  f32_all(f32_by_k, m, n, k, a, a_stride, b, b_stride, 32, c, c_stride, accumulate);
}

void heed_avx512_tile_rows_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                               const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                               int accumulate) {
  f32_all(f32_score_rows, m, n, k, a, 0, b, b_stride, 32, c, c_stride, accumulate);
}

void heed_avx512_panels_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                            ptrdiff_t a_stride, int by_rows, const float *b,
                            ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  if (by_rows) {
    f32_all(f32_by_rows, m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
  } else {
    f32_all(f32_by_k, m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
  }
}

#include "softmax_avx512.inc.h"

void heed_avx512_softmax_step_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor, float *row_max,
                                  float *row_sum, float *correction) {
  softmax_advance(m, n, s, factor, row_max, correction);
  const ptrdiff_t whole = n / 32 * 32;
  const __m512 scale = _mm512_set1_ps(factor);
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    const __m512 high = _mm512_set1_ps(softmax_reference(row_max[i]));
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    for (ptrdiff_t j = 0; j < whole; j += 32) {
      const __m512 p0 =
          softmax_exp2(6, _mm512_fmsub_ps(_mm512_loadu_ps(row + j), scale, high));
      const __m512 p1 =
          softmax_exp2(6, _mm512_fmsub_ps(_mm512_loadu_ps(row + j + 16), scale, high));
      even = _mm512_add_ps(even, p0);
      odd = _mm512_add_ps(odd, p1);
      _mm512_storeu_ps(row + j, p0);
      _mm512_storeu_ps(row + j + 16, p1);
    }
    if (whole < n) {
      const __mmask16 first = columns(n, whole / 16), second = columns(n, whole / 16 + 1);
      const __m512 x0 = _mm512_maskz_loadu_ps(first, row + whole);
      const __m512 x1 = _mm512_maskz_loadu_ps(second, row + whole + 16);
      const __m512 p0 =
          _mm512_maskz_mov_ps(first, softmax_exp2(6, _mm512_fmsub_ps(x0, scale, high)));
      const __m512 p1 =
          _mm512_maskz_mov_ps(second, softmax_exp2(6, _mm512_fmsub_ps(x1, scale, high)));
      even = _mm512_add_ps(even, p0);
      odd = _mm512_add_ps(odd, p1);
      _mm512_storeu_ps(row + whole, p0);
      _mm512_storeu_ps(row + whole + 16, p1);
    }
    row_sum[i] = row_sum[i] * correction[i] + _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
  }
}

void heed_avx512_softmax_weights_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor,
                                     const float *lse) {
  const __m512 scale = _mm512_set1_ps(factor);
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    const __m512 high = _mm512_set1_ps(softmax_reference(lse[i]));
    const __mmask16 seen = lse[i] == -INFINITY ? 0 : 0xffff;
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __mmask16 mask = columns(n, j / 16);
      const __m512 x = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(mask, row + j), scale, high);
      _mm512_mask_storeu_ps(row + j, mask, _mm512_maskz_mov_ps(seen, softmax_exp2(6, x)));
    }
  }
}

void heed_avx512_softmax_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *p, float *dp,
                                      float scale, const float *delta) {
  const ptrdiff_t vectors = (n + 15) / 16;
  const __m512 factor = _mm512_set1_ps(scale);
  for (ptrdiff_t i = 0; i < m; i++) {
    const __m512 shift = _mm512_set1_ps(delta[i]);
    for (ptrdiff_t v = 0; v < vectors; v++) {
      const __mmask16 mask = columns(n, v);
      const ptrdiff_t at = i * HEED_SCORE_STRIDE + 16 * v;
      const __m512 weight = _mm512_maskz_loadu_ps(mask, p + at);
      const __m512 change = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, dp + at), shift);
      const __m512 product = _mm512_mul_ps(_mm512_mul_ps(weight, change), factor);
      // A key that the row may not see has weight 0 and no gradient, whatever its value was.
      const __mmask16 seen = _mm512_mask_cmp_ps_mask(mask, weight, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      _mm512_mask_storeu_ps(dp + at, mask, _mm512_maskz_mov_ps(seen, product));
    }
  }
}

#pragma clang attribute pop
#endif
