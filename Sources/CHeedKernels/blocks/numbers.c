// Floats to blocks: when the scales are chosen, the values a block can hold are known, and each float
// becomes one of them. Alone it becomes the nearest. With what is known of the inputs, what one column
// loses is made good by the columns behind it: those that go with it are asked for a little more.

#include <math.h>

#include "types.h"

/// The values that a block of chosen scales can hold: in each part, q * scale + start for q from `low`
/// to `high`.
typedef struct {
  float scales[16], starts[16];
  int part_width, low, high;
} grid;

static grid even_grid(float scale, float start, int low, int high) {
  grid g = {{scale}, {start}, 32, low, high};
  return g;
}

static grid read_grid(heed_block_type type, const uint8_t *y) {
  switch (type) {
    case HEED_Q8_0: return even_grid(heed_half_at(y), 0, -127, 127);
    case HEED_Q4_0: return even_grid(heed_half_at(y), 0, -8, 7);
    case HEED_Q5_0: return even_grid(heed_half_at(y), 0, -16, 15);
    case HEED_Q4_1: return even_grid(heed_half_at(y), heed_half_at(y + 2), 0, 15);
    case HEED_Q5_1: return even_grid(heed_half_at(y), heed_half_at(y + 2), 0, 31);
    case HEED_Q4_K:
    case HEED_Q5_K: {
      grid g = even_grid(0, 0, 0, type == HEED_Q5_K ? 31 : 15);
      for (int part = 0; part < 8; part++) {
        int scale, least;
        heed_read_factors(y + 4, part, &scale, &least);
        g.scales[part] = heed_half_at(y) * (float)scale;
        g.starts[part] = -(heed_half_at(y + 2) * (float)least);
      }
      return g;
    }
    case HEED_Q6_K: {
      grid g = even_grid(0, 0, -32, 31);
      g.part_width = 16;
      for (int part = 0; part < 16; part++) {
        g.scales[part] = heed_half_at(y + 208) * (float)(int8_t)y[192 + part];
      }
      return g;
    }
    case HEED_MXFP4: break;
  }
  return even_grid(0, 0, 0, 0);
}

/// 32 whole numbers of 4 or 5 bits: the fifth bits, if there is a place for them, and the nibbles.
static void put_small(const int *q, uint8_t *fifth, uint8_t *nibbles) {
  uint32_t bits = 0;
  for (int j = 0; j < 16; j++) {
    nibbles[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
    bits |= (uint32_t)(q[j] >> 4) << j | (uint32_t)(q[j + 16] >> 4) << (j + 16);
  }
  for (int byte = 0; fifth && byte < 4; byte++) fifth[byte] = (uint8_t)(bits >> 8 * byte);
}

static void put_parts(heed_block_type type, const int *q, uint8_t *y) {
  uint8_t *nibbles = y + (type == HEED_Q5_K ? 48 : 16);
  for (int i = 0; i < 128; i++) {
    const int *pair = q + i / 32 * 64 + i % 32;
    nibbles[i] = (uint8_t)((pair[0] & 15) | (pair[32] & 15) << 4);
  }
  for (int j = 0; type == HEED_Q5_K && j < 32; j++) {
    int bits = 0;
    for (int part = 0; part < 8; part++) bits |= q[32 * part + j] >> 4 << part;
    y[16 + j] = (uint8_t)bits;
  }
}

static void put_sixes(const int *q, uint8_t *y) {
  for (int half = 0; half < 2; half++, q += 128) {
    uint8_t *nibbles = y + half * 64, *high = y + 128 + half * 32;
    for (int j = 0; j < 64; j++) nibbles[j] = (uint8_t)((q[j] & 15) | (q[j + 64] & 15) << 4);
    for (int j = 0; j < 32; j++) {
      high[j] = (uint8_t)(q[j] >> 4 | q[j + 32] >> 4 << 2 | q[j + 64] >> 4 << 4 |
                          q[j + 96] >> 4 << 6);
    }
  }
}

/// Whole numbers, counted from the lowest, into a block beside its scales.
static void put_numbers(heed_block_type type, const int *q, uint8_t *y) {
  switch (type) {
    case HEED_Q8_0:
      for (int j = 0; j < 32; j++) y[2 + j] = (uint8_t)(int8_t)(q[j] - 127);
      break;
    case HEED_Q4_0: put_small(q, NULL, y + 2); break;
    case HEED_Q4_1: put_small(q, NULL, y + 4); break;
    case HEED_Q5_0: put_small(q, y + 2, y + 6); break;
    case HEED_Q5_1: put_small(q, y + 4, y + 8); break;
    case HEED_Q4_K:
    case HEED_Q5_K: put_parts(type, q, y); break;
    case HEED_Q6_K: put_sixes(q, y); break;
    case HEED_MXFP4: break;
  }
}

/// A block of floats, each the nearest that the scales at `y` can hold.
static void put_nearest(heed_block_type type, const float *x, uint8_t *y) {
  const grid g = read_grid(type, y);
  const int width = (int)heed_block_width(type);
  int q[256];
  for (int first = 0, part = 0; first < width; first += g.part_width, part++) {
    const float factor = heed_inverse(g.scales[part]), start = g.starts[part];
    for (int j = first; j < first + g.part_width; j++) {
      q[j] = heed_nearest((x[j] - start) * factor, g.low, g.high) - g.low;
    }
  }
  put_numbers(type, q, y);
}

int heed_quantize(heed_block_type type, ptrdiff_t blocks, const float *x, void *target) {
  const int width = (int)heed_block_width(type);
  uint8_t *y = target;
  float ones[256];
  for (int j = 0; j < width; j++) ones[j] = 1;
  for (ptrdiff_t b = 0; b < blocks; b++, x += width, y += heed_block_bytes(type)) {
    if (!heed_choose_scales(type, x, ones, y)) return 0;
    put_nearest(type, x, y);
  }
  return 1;
}

int heed_requantize(heed_block_type type, ptrdiff_t blocks, const float *x, void *target) {
  if (type == HEED_MXFP4) return 0;
  uint8_t *y = target;
  for (ptrdiff_t b = 0; b < blocks; b++, x += heed_block_width(type), y += heed_block_bytes(type)) {
    put_nearest(type, x, y);
  }
  return 1;
}

int heed_quantize_compensated(
    heed_block_type type, const float *x, const uint8_t *places, ptrdiff_t behind,
    const float *weights, const float *factors, ptrdiff_t stride, float *owed, void *target,
    float *errors) {
  const int width = (int)heed_block_width(type);
  uint8_t *y = target;
  float wanted[256], counts[256];
  for (int i = 0; i < width; i++) {
    wanted[places[i]] = x[places[i]] + owed[i];
    counts[places[i]] = weights[i];
  }
  if (!heed_choose_scales(type, wanted, counts, y)) return 0;
  const grid g = read_grid(type, y);
  int q[256];
  for (int i = 0; i < width; i++) {
    const int place = places[i], part = place / g.part_width;
    const float scale = g.scales[part], start = g.starts[part];
    const float value = x[place];
    const int number =
        heed_nearest((value + owed[i] - start) * heed_inverse(scale), g.low, g.high);
    const float error = value - ((float)number * scale + start);
    q[place] = number - g.low;
    // A weight that is no number is lost alone.
    errors[i] = isfinite(error) ? error : 0;
    const float *row = factors + i * stride;
    for (ptrdiff_t j = i + 1; j < behind; j++) owed[j] += errors[i] * row[j];
  }
  put_numbers(type, q, y);
  return 1;
}
