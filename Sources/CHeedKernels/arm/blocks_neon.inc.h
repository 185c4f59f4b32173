// Vectors of words for blocks of small weights in NEON. Weights in 8 bits lie around 128: turning
// their highest bit makes them signed.

#include "vec_neon.h"

static inline vi v_load_words(const uint8_t *p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
static inline vi v_set_words(int32_t x) { return vdupq_n_u32((uint32_t)x); }
static inline vi v_low_nibbles(vi x) { return vandq_u32(x, vdupq_n_u32(0x0f0f0f0fu)); }
static inline vi v_high_nibbles(vi x) { return v_low_nibbles(vshrq_n_u32(x, 4)); }
static inline vi v_upper_bits(vi x, int at) {
  return vandq_u32(vshlq_u32(x, vdupq_n_s32(4 - at)), vdupq_n_u32(0x30303030u));
}
static inline vi v_or_words(vi x, vi y) { return vorrq_u32(x, y); }
static inline vf v_float_of_words(vi x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
static inline vi v_words_of_bytes(const uint8_t *p) {
  int8_t copy[8] = {0};
  memcpy(copy, p, 4);
  return vreinterpretq_u32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(copy)))));
}
static inline vi v_add_words(vi x, vi y) { return vaddq_u32(x, y); }
static inline vi v_mul_words(vi x, vi y) { return vmulq_u32(x, y); }

static inline vi v_dot_words(vi sum, vi w, vi x);
static inline vi v_dot_middle(vi sum, vi w, vi x) {
  return v_dot_words(sum, veorq_u32(w, vdupq_n_u32(0x80808080u)), x);
}

#define HEED_BLOCK_ROWS 4
#define HEED_BLOCK_VECTORS 2
#define MIDDLE8 0
#define DOT8 v_dot_middle
#define DOT7 v_dot_words
