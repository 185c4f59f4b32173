// The scales of blocks. A scale is a small search: for each of some candidates the values are rounded to
// whole numbers, then the scale that fits these best is the solution of least squares, and the
// candidate that leaves the least squared error wins; an error may count more in one value than in
// another, by weights w. Taking the largest value for the scale, which is
// one of the candidates, spends the few values of 4 bits on one number; clipping it a little is
// usually better for the other 31.

#include <math.h>

#include "types.h"

/// What the scale of n values is best, for whole numbers from low to high.
static float best_scale(ptrdiff_t n, const float *x, const float *w, int low, int high) {
  float largest = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
  }
  const float unit = heed_inverse(largest);
  if (unit == 0) return 0;
  float best = 0, gain = 0;
  // The largest value becomes the lowest number, or the highest; or up to two more than either.
  for (int end = 0; end < 2; end++) {
    const float limit = (float)(end ? high : low);
    for (int step = -4; step <= 10; step++) {
      const float factor = (limit - copysignf(0.2f, limit) * (float)step) * unit;
      float product = 0, square = 0;
      for (ptrdiff_t i = 0; i < n; i++) {
        float q = rintf(x[i] * factor);
        q = q < (float)low ? (float)low : q > (float)high ? (float)high : q;
        product += w[i] * q * x[i];
        square += w[i] * q * q;
      }
      // The squared error is sum x^2 - product^2 / square.
      if (square > 0 && product * product > gain * square) {
        gain = product * product / square;
        best = product / square;
      }
    }
  }
  return best;
}

/// The squared error of 32 values as q * scale + start, for the best q from `low` to `high`.
static float grid_error(
    const float *x, const float *w, float scale, float start, float low, float high) {
  const float factor = heed_inverse(scale);
  const float round = 12582912;  // 1.5 * 2^23: what is added has no fraction
  float sums[4] = {0};
  for (int i = 0; i < 32; i += 4) {
    for (int lane = 0; lane < 4; lane++) {
      float q = (x[i + lane] - start) * factor;
      q = q > low ? q : low;
      q = q < high ? q : high;
      q = (q + round) - round;
      const float difference = q * scale + start - x[i + lane];
      sums[lane] += w[i + lane] * difference * difference;
    }
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Q8_0: no value is clipped, as one of 127 is little, but a scale that is a few percent larger may lie
/// better for the others.
static void choose_q8(const float *x, const float *w, uint8_t *y) {
  float largest = 0, least = INFINITY;
  for (int j = 0; j < 32; j++) largest = fmaxf(largest, fabsf(x[j]));
  heed_put_half(y, fminf(largest / 127, 65504));
  for (int step = 0; step <= 12; step++) {
    uint8_t scale[2];
    heed_put_half(scale, fminf(largest / (127 - 0.5f * (float)step), 65504));
    const float error = grid_error(x, w, heed_half_at(scale), 0, -127, 127);
    if (error < least) {
      least = error;
      memcpy(y, scale, 2);
    }
  }
}

static float in_half_range(float x) { return fmaxf(fminf(x, 65504), -65504); }

/// The scale and what is taken off that fit 32 values q * scale - least best, for q from 0 to `high`.
/// What is taken off is not negative where the format has no sign for it.
static void best_line(
    const float *x, const float *w, int high, int has_sign, float *scale, float *least) {
  float low = has_sign ? x[0] : 0, top = x[0], sum_x = 0, sum_w = 0;
  for (int i = 0; i < 32; i++) {
    low = fminf(low, x[i]);
    top = fmaxf(top, x[i]);
    sum_x += w[i] * x[i];
    sum_w += w[i];
  }
  *scale = 0;
  *least = -low;
  const float unit = heed_inverse(top - low);
  if (unit == 0) return;
  float best = INFINITY;
  for (int step = -10; step <= 12; step++) {
    const float factor = ((float)high + 0.1f * (float)step) * unit;
    float sum_q = 0, sum_qq = 0, sum_qx = 0, q[32];
    for (int i = 0; i < 32; i++) {
      q[i] = rintf((x[i] - low) * factor);
      if (q[i] > (float)high) q[i] = (float)high;
      sum_q += w[i] * q[i];
      sum_qq += w[i] * q[i] * q[i];
      sum_qx += w[i] * q[i] * x[i];
    }
    const float determinant = sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0) || !(sum_qq > 0)) continue;
    float slope = (sum_w * sum_qx - sum_q * sum_x) / determinant;
    float start = (sum_qq * sum_x - sum_q * sum_qx) / determinant;
    if (start > 0 && !has_sign) {
      start = 0;
      slope = sum_qx / sum_qq;
    }
    float error = 0;
    for (int i = 0; i < 32; i++) {
      const float difference = q[i] * slope + start - x[i];
      error += w[i] * difference * difference;
    }
    if (error < best && slope > 0) {
      best = error;
      *scale = slope;
      *least = -start;
    }
  }
}

/// Q4_1 and Q5_1: a scale and a least value.
static void choose_line(heed_block_type type, const float *x, const float *w, uint8_t *y) {
  float scale, least;
  best_line(x, w, type == HEED_Q5_1 ? 31 : 15, 1, &scale, &least);
  heed_put_half(y, in_half_range(scale));
  heed_put_half(y + 2, in_half_range(-least));
}

/// The whole numbers of the scale and of what is taken off that fit 32 values best, near the given
/// ones: each was rounded alone, but what one lost the other can make good.
static void best_factors(
    const float *x, const float *w, int high, float scale_unit, float least_unit, int *scale,
    int *least) {
  const int scales = *scale, leasts = *least;
  const float top = (float)high;
  float best =
      grid_error(x, w, scale_unit * (float)scales, -(least_unit * (float)leasts), 0, top);
  for (int s = scales > 4 ? scales - 3 : 1; s <= scales + 3 && s < 64; s++) {
    for (int l = leasts > 3 ? leasts - 3 : 0; l <= leasts + 3 && l < 64; l++) {
      const float error =
          grid_error(x, w, scale_unit * (float)s, -(least_unit * (float)l), 0, top);
      if (error < best) {
        best = error;
        *scale = s;
        *least = l;
      }
    }
  }
}

/// Q4_K and Q5_K: 8 parts, each with a scale and what is taken off, in 6 bits of the largest.
static void choose_parts(heed_block_type type, const float *x, const float *w, uint8_t *y) {
  const int high = type == HEED_Q5_K ? 31 : 15;
  float scales[8], leasts[8], largest_scale = 0, largest_least = 0;
  for (int part = 0; part < 8; part++) {
    best_line(x + 32 * part, w + 32 * part, high, 0, &scales[part], &leasts[part]);
    largest_scale = fmaxf(largest_scale, scales[part]);
    largest_least = fmaxf(largest_least, leasts[part]);
  }
  memset(y, 0, 16);
  heed_put_half(y, fminf(largest_scale / 63, 65504));
  heed_put_half(y + 2, fminf(largest_least / 63, 65504));
  const float scale_unit = heed_inverse(heed_half_at(y));
  const float least_unit = heed_inverse(heed_half_at(y + 2));
  uint8_t *factors = y + 4;
  for (int part = 0; part < 8; part++) {
    int scale = heed_nearest(scales[part] * scale_unit, 0, 63);
    int least = heed_nearest(leasts[part] * least_unit, 0, 63);
    best_factors(
        x + 32 * part, w + 32 * part, high, heed_half_at(y), heed_half_at(y + 2), &scale, &least);
    if (part < 4) {
      factors[part] |= (uint8_t)scale;
      factors[part + 4] |= (uint8_t)least;
    } else {
      factors[part + 4] |= (uint8_t)((scale & 15) | (least & 15) << 4);
      factors[part - 4] |= (uint8_t)(scale >> 4 << 6);
      factors[part] |= (uint8_t)(least >> 4 << 6);
    }
  }
}

/// Q6_K: 16 parts, each with a scale in 8 bits of the largest.
static void choose_q6(const float *x, const float *w, uint8_t *y) {
  float scales[16], largest = 0;
  for (int part = 0; part < 16; part++) {
    scales[part] = best_scale(16, x + 16 * part, w + 16 * part, -32, 31);
    if (fabsf(scales[part]) > fabsf(largest)) largest = scales[part];
  }
  heed_put_half(y + 208, in_half_range(largest / 127));
  const float factor = heed_inverse(heed_half_at(y + 208));
  for (int part = 0; part < 16; part++) {
    y[192 + part] = (uint8_t)(int8_t)heed_nearest(scales[part] * factor, -127, 127);
  }
}

int heed_choose_scales(heed_block_type type, const float *x, const float *w, uint8_t *y) {
  switch (type) {
    case HEED_Q8_0: choose_q8(x, w, y); return 1;
    case HEED_Q4_0: heed_put_half(y, in_half_range(best_scale(32, x, w, -8, 7))); return 1;
    case HEED_Q5_0: heed_put_half(y, in_half_range(best_scale(32, x, w, -16, 15))); return 1;
    case HEED_Q4_1:
    case HEED_Q5_1: choose_line(type, x, w, y); return 1;
    case HEED_Q4_K:
    case HEED_Q5_K: choose_parts(type, x, w, y); return 1;
    case HEED_Q6_K: choose_q6(x, w, y); return 1;
    case HEED_MXFP4: return 0;
  }
  return 0;
}
