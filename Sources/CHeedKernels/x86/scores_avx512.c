// AVX-512: what is done to a score tile between the products, and rows of bf16 to pairs.

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include "tiles.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), \
                             apply_to = function)

static inline __attribute__((always_inline)) __mmask16 columns(ptrdiff_t n, ptrdiff_t j) {
  return n - j >= 16 ? 0xffff : (__mmask16)(0xffffu >> (16 - (n - j)));
}

void heed_avx512_score_bias_f32(ptrdiff_t m, ptrdiff_t n, float *s, float scale, const float *bias,
                                ptrdiff_t bias_stride) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __mmask16 mask = columns(n, j);
      float *at = s + i * HEED_SCORE_STRIDE + j;
      const __m512 x = _mm512_maskz_loadu_ps(mask, at);
      const __m512 y =
          bias ? _mm512_fmadd_ps(x, factor, _mm512_maskz_loadu_ps(mask, bias + i * bias_stride + j))
               : _mm512_mul_ps(x, factor);
      _mm512_mask_storeu_ps(at, mask, y);
    }
}

void heed_avx512_score_distance_f32(ptrdiff_t m, ptrdiff_t n, float *s, const float *slope,
                                    const float *center) {
  const __m512 lanes = _mm512_cvtepi32_ps(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  for (ptrdiff_t i = 0; i < m; i++) {
    const __m512 factor = _mm512_set1_ps(slope[i]), middle = _mm512_set1_ps(center[i]);
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __mmask16 mask = columns(n, j);
      float *at = s + i * HEED_SCORE_STRIDE + j;
      const __m512 place = _mm512_add_ps(lanes, _mm512_set1_ps((float)j));
      const __m512 distance = _mm512_abs_ps(_mm512_sub_ps(place, middle));
      _mm512_mask_storeu_ps(
          at, mask, _mm512_fmadd_ps(factor, distance, _mm512_maskz_loadu_ps(mask, at)));
    }
  }
}

void heed_avx512_score_range_f32(ptrdiff_t m, ptrdiff_t n, float *s, const int32_t *low,
                                 const int32_t *high) {
  const __m512 hidden = _mm512_set1_ps(-INFINITY);
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (ptrdiff_t i = 0; i < m; i++) {
    if (low[i] <= 0 && high[i] >= n) continue;
    const __m512i first = _mm512_set1_epi32(low[i]), end = _mm512_set1_epi32(high[i]);
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __m512i place = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)j));
      const __mmask16 outside = (_mm512_cmplt_epi32_mask(place, first) |
                                 _mm512_cmpge_epi32_mask(place, end)) & columns(n, j);
      _mm512_mask_storeu_ps(s + i * HEED_SCORE_STRIDE + j, outside, hidden);
    }
  }
}

void heed_avx512_score_mask_f32(ptrdiff_t m, ptrdiff_t n, float *s, const uint8_t *mask,
                                ptrdiff_t stride) {
  const __m512 hidden = _mm512_set1_ps(-INFINITY);
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __m128i bytes = _mm_maskz_loadu_epi8(columns(n, j), mask + i * stride + j);
      const __mmask16 outside =
          _mm_cmpeq_epi8_mask(bytes, _mm_setzero_si128()) & columns(n, j);
      _mm512_mask_storeu_ps(s + i * HEED_SCORE_STRIDE + j, outside, hidden);
    }
}

void heed_avx512_scale_rows_f32(ptrdiff_t m, ptrdiff_t n, float *c, ptrdiff_t stride,
                                const float *factor) {
  for (ptrdiff_t i = 0; i < m; i++) {
    if (factor[i] == 1.0f) continue;
    const __m512 x = _mm512_set1_ps(factor[i]);
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __mmask16 mask = columns(n, j);
      float *at = c + i * stride + j;
      _mm512_mask_storeu_ps(at, mask, _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, at), x));
    }
  }
}

void heed_avx512_pack_pairs_u16(ptrdiff_t k, ptrdiff_t n, const uint16_t *src,
                                ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk += 2) {
    const uint16_t *first = src + kk * row_stride;
    uint32_t *out = dst + kk / 2 * width;
    // The pages ahead: decoding reads each row once, from memory.
    for (ptrdiff_t j = 0; j < n; j += 32) {
      _mm_prefetch((const char *)(first + 32 * row_stride + j), _MM_HINT_T0);
      _mm_prefetch((const char *)(first + 33 * row_stride + j), _MM_HINT_T0);
    }
    for (ptrdiff_t j = 0; j < width; j += 16) {
      const __mmask16 mask = j >= n ? 0 : columns(n, j);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, first + j));
      const __m512i high =
          kk + 1 < k
              ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, first + row_stride + j))
              : _mm512_setzero_si512();
      _mm512_mask_storeu_epi32(out + j, columns(width, j),
                               _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

#pragma clang attribute pop
#endif
