// Blocks of small weights in AVX2.

#if defined(__x86_64__)

#include <immintrin.h>

#include "../vector/common.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define HEED_PREFIX heed_avx2

#include "blocks_avx2.inc.h"

static inline vi v_dot_bytes(vi sum, vi sizes, vi signs) {
  const vi pairs = _mm256_maddubs_epi16(sizes, signs);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
static inline vi v_dot_middle(vi sum, vi w, vi x) {
  const vi weight = _mm256_xor_si256(w, _mm256_set1_epi8((char)0x80));
  return v_dot_bytes(sum, _mm256_abs_epi8(weight), _mm256_sign_epi8(x, weight));
}

#define MIDDLE8 0
#define DOT8 v_dot_middle
#define DOT7 v_dot_bytes

#include "../vector/loops.inc.h"
#include "../vector/blocks.inc.h"

#pragma clang attribute pop

#endif
