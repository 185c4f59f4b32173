// Shared by the f32 and the bf16 softmax steps: running maxima and powers of two of a score row.

#include <math.h>

#define SOFTMAX_INLINE static inline __attribute__((always_inline))

/// The columns of vector v that lie below n.
SOFTMAX_INLINE __mmask16 columns(ptrdiff_t n, ptrdiff_t v) {
  const ptrdiff_t left = n - 16 * v;
  return left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)(0xffffu >> (16 - left));
}

/// What scores are measured against: a row that has seen nothing (-inf) is measured against 0, so
/// that -inf - 0 stays -inf and its weights are 0.
SOFTMAX_INLINE float softmax_reference(float row_max) {
  return row_max == -INFINITY ? 0.0f : row_max;
}

/// 2^t. With f = t - floor(t), 2^f by its minimax polynomial on [0, 1), relative error 2e-9
/// (`terms` 6, for f32 weights) or 3e-6 (`terms` 4, for weights that are rounded to bf16);
/// 2^floor(t) by the exponent. Under 2^-126 it gives 0: denormal weights would add nothing that is
/// seen and cost the products a hundred cycles each. -inf gives 0, NaN stays.
SOFTMAX_INLINE __m512 softmax_exp2(const int terms, __m512 t) {
  const __m512 f = _mm512_reduce_ps(t, 1 /* floor */);
  __m512 y;
  if (terms == 6) {
    y = _mm512_set1_ps(0x1.c54174p-13f);
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.46d64cp-10f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.3d0b92p-7f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.c68912p-5f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.ebfd58p-3f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.62e42cp-1f));
  } else {
    y = _mm512_set1_ps(0x1.b7f732p-7f);
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.abf868p-5f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.ee2450p-3f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0x1.62d6c6p-1f));
  }
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0f));
  const __mmask16 normal = _mm512_cmp_ps_mask(t, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
  return _mm512_maskz_scalef_ps(normal, y, t);
}

/// The largest score of a row: of s where factor > 0, of -s otherwise, times |factor|.
SOFTMAX_INLINE float softmax_row_max(ptrdiff_t n, const float *row, float factor) {
  const ptrdiff_t whole = n / 16;
  const __mmask16 rest = columns(n, whole);
  __m512 x = _mm512_set1_ps(factor < 0 ? INFINITY : -INFINITY), y = x;
  if (factor < 0) {
    for (ptrdiff_t v = 0; v < whole; v++) x = _mm512_min_ps(x, _mm512_loadu_ps(row + 16 * v));
    if (rest) x = _mm512_mask_min_ps(x, rest, x, _mm512_maskz_loadu_ps(rest, row + 16 * whole));
    return factor * _mm512_reduce_min_ps(x);
  }
  ptrdiff_t v = 0;
  for (; v + 1 < whole; v += 2) {
    x = _mm512_max_ps(x, _mm512_loadu_ps(row + 16 * v));
    y = _mm512_max_ps(y, _mm512_loadu_ps(row + 16 * v + 16));
  }
  if (v < whole) x = _mm512_max_ps(x, _mm512_loadu_ps(row + 16 * v));
  if (rest) y = _mm512_mask_max_ps(y, rest, y, _mm512_maskz_loadu_ps(rest, row + 16 * whole));
  const float largest = _mm512_reduce_max_ps(_mm512_max_ps(x, y));
  return factor == 0 ? 0.0f : factor * largest;
}

/// New running maxima into row_max and the factors for what was summed before into correction.
SOFTMAX_INLINE void softmax_advance(ptrdiff_t m, ptrdiff_t n, const float *s, float factor,
                                    float *row_max, float *correction) {
  for (ptrdiff_t i = 0; i < m; i++) {
    const float before = row_max[i];
    const float largest = softmax_row_max(n, s + i * HEED_SCORE_STRIDE, factor);
    correction[i] = before;
    row_max[i] = largest > before ? largest : before;
  }
  const __m512 one = _mm512_set1_ps(1.0f);
  for (ptrdiff_t i = 0; i < m; i += 16) {
    const __mmask16 mask = columns(m, i / 16);
    const __m512 before = _mm512_maskz_loadu_ps(mask, correction + i);
    const __m512 after = _mm512_maskz_loadu_ps(mask, row_max + i);
    const __mmask16 same = _mm512_cmp_ps_mask(before, after, _CMP_EQ_OQ);
    const __m512 factors = softmax_exp2(6, _mm512_sub_ps(before, after));
    _mm512_mask_storeu_ps(correction + i, mask, _mm512_mask_mov_ps(factors, same, one));
  }
}
