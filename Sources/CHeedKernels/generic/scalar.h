// Conversions of one number, shared by the plain kernels. Inline integer arithmetic, so that no
// processor feature and no runtime library is needed.

#ifndef HEED_SCALAR_H
#define HEED_SCALAR_H

#include <stdint.h>
#include <string.h>

static inline uint32_t heed_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float heed_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float heed_f32_of_bf16(uint16_t x) { return heed_float((uint32_t)x << 16); }

/// Round to nearest even: adding 0x7fff, plus one where the kept part is odd, carries exactly when
/// the cut part is over the half, or at the half of an odd value. A NaN keeps its upper payload
/// and becomes quiet, lest the carry turn it into an infinity.
static inline uint16_t heed_bf16_of_f32(float x) {
  uint32_t bits = heed_bits(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float heed_f32_of_f16(uint16_t x) {
  uint32_t sign = (uint32_t)(x & 0x8000u) << 16, exponent = x >> 10 & 0x1fu;
  uint32_t fraction = x & 0x3ffu;
  if (exponent == 0) {
    float magnitude = (float)fraction * 0x1p-24f;
    return heed_float(heed_bits(magnitude) | sign);
  }
  if (exponent == 31) {
    uint32_t quiet = fraction ? 0x400000u : 0;
    return heed_float(sign | 0x7f800000u | fraction << 13 | quiet);
  }
  return heed_float(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t heed_f16_of_f32(float x) {
  uint32_t bits = heed_bits(x), magnitude = bits & 0x7fffffffu;
  uint32_t sign = bits >> 16 & 0x8000u;
  if (magnitude > 0x7f800000u) {
    return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  }
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);  // 65520 and more: infinity
  if (magnitude < 0x38800000u) {
    // Under 2^-14 halves are multiples of 2^-24; adding 0.5 leaves just these bits of a float,
    // rounded to nearest even by the addition itself.
    uint32_t sum = heed_bits(heed_float(magnitude) + 0.5f);
    return (uint16_t)(sign | (sum - 0x3f000000u));
  }
  uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

/// Two bf16 in 32 bits, `low` in the lower half.
static inline uint32_t heed_pair(float low, float high) {
  return heed_bf16_of_f32(low) | (uint32_t)heed_bf16_of_f32(high) << 16;
}

static inline float heed_pair_low(uint32_t pair) { return heed_float(pair << 16); }
static inline float heed_pair_high(uint32_t pair) { return heed_float(pair & 0xffff0000u); }

#endif
