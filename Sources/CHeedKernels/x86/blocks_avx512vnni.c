// Blocks of small weights with int8 dot products of 512 bits. Six rows by the two vectors of a panel:
// 24 sums, two weights, an activation. The sums of 8 bits take an unsigned factor, which the weights
// are: what is too much in them is taken off the start of each sum.

#if defined(__x86_64__)

#include <immintrin.h>

#include "../vector/common.h"
#include "tables.h"

#pragma clang attribute push(                                                                 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))),    \
    apply_to = function)

#define HEED_PREFIX heed_avx512vnni
#define HEED_BLOCK_ROWS 6
#define HEED_BLOCK_VECTORS 2
#define MIDDLE8 128
#define DOT8 _mm512_dpbusd_epi32
#define DOT7 _mm512_dpbusd_epi32

#include "vec_avx512.h"

static inline vi v_load_words(const uint8_t *p) { return _mm512_loadu_si512(p); }
static inline vi v_set_words(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi v_low_nibbles(vi x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
static inline vi v_high_nibbles(vi x) { return v_low_nibbles(_mm512_srli_epi16(x, 4)); }
static inline vi v_upper_bits(vi x, int at) {
  const vi turned = at < 4 ? _mm512_slli_epi16(x, (unsigned)(4 - at)) : _mm512_srli_epi16(x, (unsigned)(at - 4));
  return _mm512_and_si512(turned, _mm512_set1_epi8(0x30));
}
static inline vi v_or_words(vi x, vi y) { return _mm512_or_si512(x, y); }
static inline vf v_float_of_words(vi x) { return _mm512_cvtepi32_ps(x); }
static inline vi v_words_of_bytes(const uint8_t *p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
static inline vi v_add_words(vi x, vi y) { return _mm512_add_epi32(x, y); }
static inline vi v_mul_words(vi x, vi y) { return _mm512_mullo_epi32(x, y); }

#include "../vector/loops.inc.h"
#include "../vector/blocks.inc.h"

#pragma clang attribute pop

#endif
