// Blocks of small weights with the int8 dot products of arm 8.2.

#if defined(__aarch64__)

#include "../vector/common.h"
#include "tables.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif

#define HEED_PREFIX heed_neondot

#include "blocks_neon.inc.h"

static inline vi v_dot_words(vi sum, vi w, vi x) {
  return vreinterpretq_u32_s32(
      vdotq_s32(vreinterpretq_s32_u32(sum), vreinterpretq_s8_u32(w), vreinterpretq_s8_u32(x)));
}

#include "../vector/loops.inc.h"
#include "../vector/blocks.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
