// What readers and writers of block types share.

#ifndef HEED_BLOCK_TYPES_H
#define HEED_BLOCK_TYPES_H

#include <math.h>
#include <string.h>

#include "../generic/scalar.h"
#include "CHeedKernels.h"

static inline float heed_half_at(const uint8_t *x) {
  return heed_f32_of_f16((uint16_t)(x[0] | x[1] << 8));
}

static inline uint32_t heed_word_at(const uint8_t *x) {
  return x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
}

static inline void heed_put_half(uint8_t *y, float value) {
  const uint16_t bits = heed_f16_of_f32(value);
  y[0] = (uint8_t)bits;
  y[1] = (uint8_t)(bits >> 8);
}

/// The 6-bit factors of part `part` of 8, as Q4_K and Q5_K pack 16 of them into 12 bytes: the first
/// four of scales and of leasts in the lower bits of 4 bytes each, the last four in the nibbles of
/// the third 4 bytes and what was left of the first eight.
static inline void heed_read_factors(const uint8_t *x, int part, int *scale, int *least) {
  if (part < 4) {
    *scale = x[part] & 63;
    *least = x[part + 4] & 63;
  } else {
    *scale = (x[part + 4] & 15) | (x[part - 4] >> 6) << 4;
    *least = (x[part + 4] >> 4) | (x[part] >> 6) << 4;
  }
}

/// 32 of the 256 values of a block of Q4_K or Q5_K: q * scale - least.
typedef struct {
  float scale, least;
  uint8_t q[32];
} heed_part;

/// The 32 values of a block of MXFP4, doubled to be whole, and the scale that belongs to them.
float heed_read_fours(const uint8_t *x, int8_t *q);

heed_part heed_read_part(heed_block_type type, const uint8_t *x, int part);

/// 32 of the 256 values of a block of Q6_K: factor * scale * (q - 32), a scale for each half.
typedef struct {
  int8_t scales[2];
  uint8_t q[32];
} heed_sixes;

heed_sixes heed_read_sixes(const uint8_t *x, int part);

/// The whole number nearest to x, from `low` to `high`.
static inline int heed_nearest(float x, int low, int high) {
  // Not a number counts as zero, so that no cast is undefined.
  if (!(x > (float)low)) return x <= (float)low ? low : 0;
  return x < (float)high ? (int)rintf(x) : high;
}

/// 1 / x, and 0 where that is no number.
static inline float heed_inverse(float x) { return x != 0 && isfinite(1 / x) ? 1 / x : 0; }

/// Chooses the scales that fit the values of a block best, and writes them into the block; false for a
/// type that is only read. The squared error of value i counts w[i] times.
int heed_choose_scales(heed_block_type type, const float *x, const float *w, uint8_t *y);

#endif
