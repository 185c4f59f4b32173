// AVX-512 with bf16 dot products: matrix tiles over pairs and the softmax step that writes pairs.

#if defined(__x86_64__)
#include <immintrin.h>
#include "tiles.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), \
    apply_to = function)

#define ELEMENT uint32_t
#define ROW_STRIDE (HEED_SCORE_STRIDE / 2)
#define NAME(x) bf16_##x
#define FMA(acc, x, y) _mm512_dpbf16_ps(acc, (__m512bh)(x), (__m512bh)(y))
#define BROADCAST(p) _mm512_set1_epi32((int)*(p))
#define LOAD(mask, p) _mm512_maskz_loadu_epi32(mask, p)
#include "tile_avx512.inc.h"

void heed_avx512bf16_tile_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                               ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,
                               ptrdiff_t c_stride, int accumulate) {
  bf16_all(bf16_by_k, m, n, k, a, a_stride, b, b_stride, 32, c, c_stride, accumulate);
}

void heed_avx512bf16_tile_rows_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                    const uint32_t *b, ptrdiff_t b_stride, float *c,
                                    ptrdiff_t c_stride, int accumulate) {
  bf16_all(bf16_score_rows, m, n, k, a, 0, b, b_stride, 32, c, c_stride, accumulate);
}

void heed_avx512bf16_panels_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                 ptrdiff_t a_stride, int by_rows, const uint32_t *b,
                                 ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  if (by_rows) {
    bf16_all(bf16_by_rows, m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
  } else {
    bf16_all(bf16_by_k, m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
  }
}

#include "softmax_avx512.inc.h"

void heed_avx512bf16_softmax_step_bf16(ptrdiff_t m, ptrdiff_t n, float *s, uint32_t *p,
                                       float factor, float *row_max, float *row_sum,
                                       float *correction) {
  softmax_advance(m, n, s, factor, row_max, correction);
  const ptrdiff_t whole = n / 32 * 32;
  const __m512 scale = _mm512_set1_ps(factor);
  // A dot product with ones sums the rounded weights.
  const __m512i ones = _mm512_set1_epi32(0x3f803f80);
  for (ptrdiff_t i = 0; i < m; i++) {
    const float *row = s + i * HEED_SCORE_STRIDE;
    uint32_t *out = p + i * (HEED_SCORE_STRIDE / 2);
    const __m512 high = _mm512_set1_ps(softmax_reference(row_max[i]));
    __m512 sum = _mm512_setzero_ps();
    for (ptrdiff_t j = 0; j < whole; j += 32) {
      const __m512 p0 =
          softmax_exp2(4, _mm512_fmsub_ps(_mm512_loadu_ps(row + j), scale, high));
      const __m512 p1 =
          softmax_exp2(4, _mm512_fmsub_ps(_mm512_loadu_ps(row + j + 16), scale, high));
      const __m512bh pairs = _mm512_cvtne2ps_pbh(p1, p0);
      sum = _mm512_dpbf16_ps(sum, pairs, (__m512bh)ones);
      _mm512_storeu_si512(out + j / 2, (__m512i)pairs);
    }
    if (whole < n) {
      const __mmask16 first = columns(n, whole / 16), second = columns(n, whole / 16 + 1);
      const __m512 x0 = _mm512_maskz_loadu_ps(first, row + whole);
      const __m512 x1 = _mm512_maskz_loadu_ps(second, row + whole + 16);
      const __m512 p0 =
          _mm512_maskz_mov_ps(first, softmax_exp2(4, _mm512_fmsub_ps(x0, scale, high)));
      const __m512 p1 =
          _mm512_maskz_mov_ps(second, softmax_exp2(4, _mm512_fmsub_ps(x1, scale, high)));
      const __m512bh pairs = _mm512_cvtne2ps_pbh(p1, p0);
      sum = _mm512_dpbf16_ps(sum, pairs, (__m512bh)ones);
      _mm512_storeu_si512(out + whole / 2, (__m512i)pairs);
    }
    row_sum[i] = row_sum[i] * correction[i] + _mm512_reduce_add_ps(sum);
  }
}

void heed_avx512bf16_tile_to_pairs(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                                   uint32_t *by_columns) {
  for (ptrdiff_t i = 0; i < m; i += 2) {
    const float *first = s + i * HEED_SCORE_STRIDE;
    const int pair = i + 1 < m;
    for (ptrdiff_t j = 0; j < n; j += 16) {
      const __mmask16 mask = columns(n, j / 16);
      const __m512 x = _mm512_maskz_loadu_ps(mask, first + j);
      const __m512 y = pair ? _mm512_maskz_loadu_ps(mask, first + HEED_SCORE_STRIDE + j)
                            : _mm512_setzero_ps();
      const __m256i low = (__m256i)_mm512_cvtneps_pbh(x);
      const __m256i high = (__m256i)_mm512_cvtneps_pbh(y);
      if (by_rows) {
        uint16_t *row = (uint16_t *)(by_rows + i * (HEED_SCORE_STRIDE / 2));
        _mm256_storeu_si256((__m256i *)(row + j), low);
        if (pair) _mm256_storeu_si256((__m256i *)(row + HEED_SCORE_STRIDE + j), high);
      }
      if (by_columns) {
        const __m512i both = _mm512_or_si512(
            _mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
        _mm512_storeu_si512(by_columns + (i / 2) * HEED_SCORE_STRIDE + j, both);
      }
    }
  }
}

#pragma clang attribute pop
#endif
