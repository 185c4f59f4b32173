// Weights in blocks as files have them: their sizes, and their values as floats.

#include "types.h"

#include <math.h>

ptrdiff_t heed_block_width(heed_block_type type) { return type >= HEED_Q4_K ? 256 : 32; }

ptrdiff_t heed_block_bytes(heed_block_type type) {
  switch (type) {
    case HEED_Q8_0: return 34;
    case HEED_Q4_0: return 18;
    case HEED_Q4_1: return 20;
    case HEED_Q5_0: return 22;
    case HEED_Q5_1: return 24;
    case HEED_MXFP4: return 17;
    case HEED_Q4_K: return 144;
    case HEED_Q5_K: return 176;
    case HEED_Q6_K: return 210;
  }
  return 0;
}

/// Two halves of 16 values from 16 bytes of nibbles and, with `fifth`, a bit of each of 32.
static void spread(const uint8_t *nibbles, uint32_t fifth, int middle, int *q) {
  for (int j = 0; j < 16; j++) {
    q[j] = (nibbles[j] & 15) + (int)(fifth >> j & 1) * 16 - middle;
    q[j + 16] = (nibbles[j] >> 4) + (int)(fifth >> (j + 16) & 1) * 16 - middle;
  }
}

/// The sixteen 4-bit floats (a sign, two bits of exponent, one of fraction), doubled to be whole.
static const int8_t doubled_fours[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float heed_read_fours(const uint8_t *x, int8_t *q) {
  for (int j = 0; j < 16; j++) {
    q[j] = doubled_fours[x[1 + j] & 15];
    q[j + 16] = doubled_fours[x[1 + j] >> 4];
  }
  return ldexpf(1, x[0] - 128);
}

static void scaled(const int *q, float scale, float least, float *y) {
  for (int j = 0; j < 32; j++) y[j] = (float)q[j] * scale + least;
}

heed_sixes heed_read_sixes(const uint8_t *x, int part) {
  // 128 values lie in 64 bytes of nibbles, the lower ones first, and 32 bytes of upper bits.
  const uint8_t *low = x + part / 4 * 64 + part % 2 * 32, *high = x + 128 + part / 4 * 32;
  heed_sixes result = {{(int8_t)x[192 + 2 * part], (int8_t)x[193 + 2 * part]}, {0}};
  for (int i = 0; i < 32; i++) {
    const int nibble = part % 4 < 2 ? low[i] & 15 : low[i] >> 4;
    result.q[i] = (uint8_t)(nibble | (high[i] >> (part % 4 * 2) & 3) << 4);
  }
  return result;
}

void heed_dequantize(heed_block_type type, ptrdiff_t blocks, const void *source, float *y) {
  const uint8_t *x = source;
  const ptrdiff_t bytes = heed_block_bytes(type), width = heed_block_width(type);
  for (ptrdiff_t b = 0; b < blocks; b++, x += bytes, y += width) {
    int q[32];
    switch (type) {
      case HEED_Q8_0:
        for (int j = 0; j < 32; j++) y[j] = (float)(int8_t)x[2 + j] * heed_half_at(x);
        break;
      case HEED_Q4_0:
        spread(x + 2, 0, 8, q);
        scaled(q, heed_half_at(x), 0, y);
        break;
      case HEED_Q4_1:
        spread(x + 4, 0, 0, q);
        scaled(q, heed_half_at(x), heed_half_at(x + 2), y);
        break;
      case HEED_Q5_0:
        spread(x + 6, heed_word_at(x + 2), 16, q);
        scaled(q, heed_half_at(x), 0, y);
        break;
      case HEED_Q5_1:
        spread(x + 8, heed_word_at(x + 4), 0, q);
        scaled(q, heed_half_at(x), heed_half_at(x + 2), y);
        break;
      case HEED_MXFP4: {
        int8_t fours[32];
        const float scale = heed_read_fours(x, fours);
        for (int j = 0; j < 32; j++) y[j] = (float)fours[j] * scale;
        break;
      }
      case HEED_Q4_K:
      case HEED_Q5_K:
        for (int part = 0; part < 8; part++) {
          const heed_part read = heed_read_part(type, x, part);
          for (int j = 0; j < 32; j++) y[32 * part + j] = (float)read.q[j] * read.scale - read.least;
        }
        break;
      case HEED_Q6_K:
        for (int part = 0; part < 8; part++) {
          const heed_sixes read = heed_read_sixes(x, part);
          for (int j = 0; j < 32; j++) {
            y[32 * part + j] =
                heed_half_at(x + 208) * (float)read.scales[j / 16] * (float)(read.q[j] - 32);
          }
        }
        break;
    }
  }
}

heed_part heed_read_part(heed_block_type type, const uint8_t *x, int part) {
  heed_part result;
  int scale, least;
  heed_read_factors(x + 4, part, &scale, &least);
  result.scale = heed_half_at(x) * (float)scale;
  result.least = heed_half_at(x + 2) * (float)least;
  const uint8_t *fifth = type == HEED_Q5_K ? x + 16 : NULL;
  const uint8_t *nibbles = x + (type == HEED_Q5_K ? 48 : 16) + part / 2 * 32;
  for (int j = 0; j < 32; j++) {
    result.q[j] = part % 2 ? nibbles[j] >> 4 : nibbles[j] & 15;
    if (fifth) result.q[j] |= (uint8_t)((fifth[j] >> part & 1) << 4);
  }
  return result;
}
