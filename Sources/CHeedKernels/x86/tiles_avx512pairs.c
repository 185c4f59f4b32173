// AVX-512: matrix tiles over pairs of bf16 by f32 multiply-adds.
//
// A product of two bf16 values is exact in f32, so a pair is two multiply-adds, the lower half
// first. Where bf16 dot products run at a quarter of the rate of multiply-adds (one of them does
// the work of two; Intel's Sapphire and Emerald Rapids), this is twice as fast as those; where
// there are none it is the only way.
//
// Widening must not cost what it saves. b is widened in registers, once for all rows of a block;
// a, of which each step needs one value a row, is widened for a stretch of k into a buffer in the
// first cache, from where a broadcast load is free.

#if defined(__x86_64__)
#include <immintrin.h>
#include "tiles.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), \
                             apply_to = function)

#define PAIRS_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

/// Columns lie in panels of 32 (two vectors), panel_stride apart; 32 where b is one matrix.
#define AT(v) ((v) / 2 * panel_stride + 16 * ((v) % 2))

enum { most_rows = 14, stretch = 64 };

/// A stretch of a, widened: value of row i at pair kk is low[kk * most_rows + i] where a lies by k,
/// low[i * stretch + kk] where it lies by rows.
typedef struct {
  float low[most_rows * stretch + 16];
  float high[most_rows * stretch + 16];
} widened;

PAIRS_INLINE __m512 lower(__m512i pairs) { return (__m512)_mm512_slli_epi32(pairs, 16); }

PAIRS_INLINE __m512 upper(__m512i pairs) {
  return (__m512)_mm512_maskz_mov_epi16(0xaaaaaaaau, pairs);
}

PAIRS_INLINE void widen(const int by_rows, int rows, ptrdiff_t k, const uint32_t *a,
                        ptrdiff_t a_stride, widened *wide) {
  if (by_rows) {
    for (int i = 0; i < rows; i++, a += a_stride) {
      for (ptrdiff_t kk = 0; kk < k; kk += 16) {
        const __mmask16 mask = k - kk >= 16 ? 0xffff : (__mmask16)(0xffffu >> (16 - (k - kk)));
        const __m512i pairs = _mm512_maskz_loadu_epi32(mask, a + kk);
        _mm512_storeu_ps(wide->low + i * stretch + kk, lower(pairs));
        _mm512_storeu_ps(wide->high + i * stretch + kk, upper(pairs));
      }
    }
    return;
  }
  const __mmask16 mask = (__mmask16)(0xffffu >> (16 - rows));
  for (ptrdiff_t kk = 0; kk < k; kk++, a += a_stride) {
    // A store writes two values beyond its row, which the next one replaces.
    const __m512i pairs = _mm512_maskz_loadu_epi32(mask, a);
    _mm512_storeu_ps(wide->low + kk * most_rows, lower(pairs));
    _mm512_storeu_ps(wide->high + kk * most_rows, upper(pairs));
  }
}

/// rows x vectors sums over one stretch of k.
PAIRS_INLINE void block(const int rows, const int vectors, const int by_rows, ptrdiff_t k,
                        const widened *wide, const uint32_t *b, ptrdiff_t b_stride,
                        ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, __mmask16 last,
                        int accumulate) {
  const int row_step = by_rows ? stretch : 1, k_step = by_rows ? 1 : most_rows;
  __m512 sum[most_rows][8];
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      const __mmask16 mask = v == vectors - 1 ? last : (__mmask16)0xffff;
      sum[i][v] =
          accumulate ? _mm512_maskz_loadu_ps(mask, c + i * c_stride + 16 * v) : _mm512_setzero_ps();
    }
  }
  const float *low = wide->low, *high = wide->high;
  for (ptrdiff_t kk = 0; kk < k; kk++, b += b_stride, low += k_step, high += k_step) {
    __m512 half[8];
    UNROLL for (int v = 0; v < vectors; v++) {
      _mm_prefetch((const char *)(b + 16 * b_stride + AT(v)), _MM_HINT_T0);
    }
    UNROLL for (int v = 0; v < vectors; v++) {
      half[v] = lower(
          _mm512_maskz_loadu_epi32(v == vectors - 1 ? last : (__mmask16)0xffff, b + AT(v)));
    }
    UNROLL for (int i = 0; i < rows; i++) {
      const __m512 x = _mm512_set1_ps(low[i * row_step]);
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = _mm512_fmadd_ps(x, half[v], sum[i][v]);
    }
    // Read again, because keeping the pairs would push sums out of the registers.
    __asm__ volatile("" ::: "memory");
    UNROLL for (int v = 0; v < vectors; v++) {
      half[v] = upper(
          _mm512_maskz_loadu_epi32(v == vectors - 1 ? last : (__mmask16)0xffff, b + AT(v)));
    }
    UNROLL for (int i = 0; i < rows; i++) {
      const __m512 x = _mm512_set1_ps(high[i * row_step]);
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = _mm512_fmadd_ps(x, half[v], sum[i][v]);
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      _mm512_mask_storeu_ps(c + i * c_stride + 16 * v,
                            v == vectors - 1 ? last : (__mmask16)0xffff, sum[i][v]);
    }
  }
}

#define CASE(R, V)                                                                        \
  case R:                                                                                 \
    block(R, V, by_rows, k, wide, b, b_stride, panel_stride, c, c_stride, last,           \
          accumulate);                                                                    \
    break;

// The constants make the compiler unroll each case by itself.
PAIRS_INLINE void strip(const int vectors, const int by_rows, int rows, ptrdiff_t k,
                        const widened *wide, const uint32_t *b, ptrdiff_t b_stride,
                        ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, __mmask16 last,
                        int accumulate) {
  switch (rows) {
    CASE(1, vectors) CASE(2, vectors) CASE(3, vectors) CASE(4, vectors) CASE(5, vectors)
    CASE(6, vectors) CASE(7, vectors) CASE(8, vectors) CASE(9, vectors) CASE(10, vectors)
    CASE(11, vectors) CASE(12, vectors) CASE(13, vectors) CASE(14, vectors)
  }
}

PAIRS_INLINE void wide_strip(const int by_rows, int rows, ptrdiff_t k, const widened *wide,
                             const uint32_t *b, ptrdiff_t b_stride, ptrdiff_t panel_stride,
                             float *c, ptrdiff_t c_stride, int accumulate) {
  const __mmask16 last = 0xffff;
  switch (rows) { CASE(1, 8) CASE(2, 8) }
}
#undef CASE

/// All of m x n: balanced groups of rows (16 = 8 + 8, not 14 + 2), stretches of k, strips of columns.
PAIRS_INLINE void all(const int by_rows, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                      ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride,
                      ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  widened wide;
  const ptrdiff_t groups = (m + most_rows - 1) / most_rows;
  ptrdiff_t row = 0;
  for (ptrdiff_t g = 0; g < groups; g++) {
    const ptrdiff_t next = (g + 1) * m / groups;
    const int rows = (int)(next - row);
    ptrdiff_t from = 0;
    do {  // once for k = 0, which clears c
      const ptrdiff_t deep = k - from < stretch ? k - from : stretch;
      const int add = accumulate || from > 0;
      widen(by_rows, rows, deep, by_rows ? a + row * a_stride + from : a + from * a_stride + row,
            a_stride, &wide);
      for (ptrdiff_t j = 0; j < n;) {
        const ptrdiff_t left = n - j;
        const uint32_t *right = b + from * b_stride + j / 32 * panel_stride + j % 32;
        float *out = c + row * c_stride + j;
        if (rows <= 2 && left >= 128) {
          wide_strip(by_rows, rows, deep, &wide, right, b_stride, panel_stride, out, c_stride, add);
          j += 128;
          continue;
        }
        const ptrdiff_t width = left < 32 ? left : 32;
        const ptrdiff_t tail = width > 16 ? width - 16 : width;
        const __mmask16 last = (__mmask16)(0xffffu >> (16 - tail));
        if (width > 16) {
          strip(2, by_rows, rows, deep, &wide, right, b_stride, panel_stride, out, c_stride, last, add);
        } else {
          strip(1, by_rows, rows, deep, &wide, right, b_stride, panel_stride, out, c_stride, last, add);
        }
        j += width;
      }
      from += deep;
    } while (from < k);
    row = next;
  }
}

void heed_avx512_tile_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                           ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,
                           ptrdiff_t c_stride, int accumulate) {
  all(0, m, n, k, a, a_stride, b, b_stride, 32, c, c_stride, accumulate);
}

void heed_avx512_tile_rows_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                const uint32_t *b, ptrdiff_t b_stride, float *c,
                                ptrdiff_t c_stride, int accumulate) {
  all(1, m, n, k, a, HEED_SCORE_STRIDE / 2, b, b_stride, 32, c, c_stride, accumulate);
}

void heed_avx512_panels_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                             ptrdiff_t a_stride, int by_rows, const uint32_t *b,
                             ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride,
                             int accumulate) {
  if (by_rows) {
    all(1, m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
  } else {
    all(0, m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
  }
}

#pragma clang attribute pop
#endif
