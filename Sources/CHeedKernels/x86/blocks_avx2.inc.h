// Vectors of words for blocks of small weights, in 256 bits; and the products by multiply-add of
// neighbouring bytes, whose 16-bit sums saturate: so a weight becomes a size of at most 128 and
// gives its sign to the activation (2 * 128 * 127 fits).

#include "vec_avx2.h"

static inline vi v_load_words(const uint8_t *p) {
  return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
static inline vi v_set_words(int32_t x) { return _mm256_set1_epi32(x); }
static inline vi v_low_nibbles(vi x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
static inline vi v_high_nibbles(vi x) { return v_low_nibbles(_mm256_srli_epi16(x, 4)); }
static inline vi v_upper_bits(vi x, int at) {
  const vi turned = at < 4 ? _mm256_slli_epi16(x, 4 - at) : _mm256_srli_epi16(x, at - 4);
  return _mm256_and_si256(turned, _mm256_set1_epi8(0x30));
}
static inline vi v_or_words(vi x, vi y) { return _mm256_or_si256(x, y); }
static inline vf v_float_of_words(vi x) { return _mm256_cvtepi32_ps(x); }
static inline vi v_words_of_bytes(const uint8_t *p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
static inline vi v_add_words(vi x, vi y) { return _mm256_add_epi32(x, y); }
static inline vi v_mul_words(vi x, vi y) { return _mm256_mullo_epi32(x, y); }

#define HEED_BLOCK_ROWS 2
#define HEED_BLOCK_VECTORS 2
