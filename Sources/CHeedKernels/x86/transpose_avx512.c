// AVX-512: words of 32 bits transposed, sixteen by sixteen in registers.
//
// When decoding, keys come straight from memory: rows of some hundred bytes, of which a block reads
// one cache line each, a pattern that the processor does not foresee. So the rows that the next
// call will want (the next `width` rows) are asked for while these are transposed.

#if defined(__x86_64__)
#include <immintrin.h>
#include "tiles.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

/// Four rounds of exchanges: words, pairs, then quarters of the vectors.
static inline __attribute__((always_inline)) void transpose_16(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

void heed_avx512_pack_transposed_u32(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,
                                     ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t i = 0; i < width; i += 16) {
    const ptrdiff_t left = rows - i;
    const __mmask16 columns =
        width - i >= 16 ? 0xffff : (__mmask16)(0xffffu >> (16 - (width - i)));
    for (ptrdiff_t kk = 0; kk < k; kk += 16) {
      const ptrdiff_t count = k - kk < 16 ? k - kk : 16;
      const __mmask16 words = (__mmask16)(0xffffu >> (16 - count));
      const uint32_t *at = src + i * row_stride + kk;
      __m512i r[16];
      if (left >= 16) {
        for (int j = 0; j < 16; j++) {
          _mm_prefetch((const char *)(at + (j + width) * row_stride), _MM_HINT_T1);
          r[j] = _mm512_maskz_loadu_epi32(words, at + j * row_stride);
        }
      } else {
        for (int j = 0; j < 16; j++)
          r[j] = j < left ? _mm512_maskz_loadu_epi32(words, at + j * row_stride)
                          : _mm512_setzero_si512();
      }
      transpose_16(r);
      uint32_t *to = dst + kk * width + i;
      if (count == 16) {
        for (int j = 0; j < 16; j++) _mm512_mask_storeu_epi32(to + j * width, columns, r[j]);
      } else {
        for (int j = 0; j < 16; j++)
          if (j < count) _mm512_mask_storeu_epi32(to + j * width, columns, r[j]);
      }
    }
  }
}

#pragma clang attribute pop
#endif
