// Blocks of small weights in NEON, by products of 16 bits.

#if defined(__aarch64__)

#include "../vector/common.h"
#include "tables.h"

#define HEED_PREFIX heed_neon

#include "blocks_neon.inc.h"

static inline vi v_dot_words(vi sum, vi w, vi x) {
  const int8x16_t a = vreinterpretq_s8_u32(w), b = vreinterpretq_s8_u32(x);
  const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
  const int32x4_t high = vpaddlq_s16(vmull_high_s8(a, b));
  return vaddq_u32(sum, vreinterpretq_u32_s32(vpaddq_s32(low, high)));
}

#include "../vector/loops.inc.h"
#include "../vector/blocks.inc.h"

#endif
