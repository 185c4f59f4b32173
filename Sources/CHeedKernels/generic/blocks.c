// Products of 8-bit activations with blocks of small weights, the specification.

#include <math.h>

#include "../variant.h"
#include "scalar.h"

void heed_generic_quantize_blocks_i8(ptrdiff_t n, const float *x, int8_t *y, float *scales,
                                     int32_t *sums) {
  for (ptrdiff_t start = 0; start < n; start += HEED_BLOCK_WIDTH, y += HEED_BLOCK_WIDTH) {
    const ptrdiff_t count = n - start < HEED_BLOCK_WIDTH ? n - start : HEED_BLOCK_WIDTH;
    float largest = 0, strange = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
      const float size = fabsf(x[start + i]);
      if (size > largest) largest = size;
      strange += x[start + i] * 0;  // a NaN from an infinity or a NaN
    }
    const int isEmpty = !(largest >= 0x1p-100f) || strange != 0;
    const float factor = isEmpty ? 0 : 127 / largest;
    *scales++ = (isEmpty ? 0 : largest / 127) + strange;
    int32_t sum = 0;
    for (ptrdiff_t i = 0; i < HEED_BLOCK_WIDTH; i++) {
      y[i] = i < count && !isEmpty ? (int8_t)rintf(x[start + i] * factor) : 0;
      sum += y[i];
    }
    *sums++ = sum;
  }
}

/// Weight number k (within a block) of an output, as it is stored.
static int stored(heed_panel_format format, const uint8_t *q, ptrdiff_t output, ptrdiff_t k) {
  if (format <= HEED_PANEL_8_OFFSET) return q[(k / 4 * HEED_PANEL + output) * 4 + k % 4];
  const ptrdiff_t group = k % 16 / 4;
  const uint8_t both = q[(group * HEED_PANEL + output) * 4 + k % 4];
  const int nibble = k < 16 ? both & 15 : both >> 4;
  if (format != HEED_PANEL_6) return nibble;
  const uint8_t upper = q[((4 + group / 2) * HEED_PANEL + output) * 4 + k % 4];
  return nibble + (upper >> (group % 2 * 4 + k / 16 * 2) & 3) * 16;
}

void heed_half_sums(ptrdiff_t blocks, const int8_t *a, int32_t *sums) {
  for (ptrdiff_t half = 0; half < 2 * blocks; half++, a += HEED_BLOCK_WIDTH / 2) {
    int32_t sum = 0;
    for (int k = 0; k < HEED_BLOCK_WIDTH / 2; k++) sum += a[k];
    sums[half] = sum;
  }
}

/// Blocks of 6 bits, in runs.
static void tile_sixes(ptrdiff_t m, ptrdiff_t n, ptrdiff_t blocks, const int8_t *a,
                       const float *scales, const int32_t *sums, const uint8_t *panel, float *c,
                       ptrdiff_t c_stride, int accumulate) {
  const ptrdiff_t half_width = HEED_BLOCK_WIDTH / 2;
  const ptrdiff_t run_bytes = HEED_BLOCK_RUN * heed_panel_bytes(HEED_PANEL_6);
  const ptrdiff_t bytes = (run_bytes - 2 * HEED_PANEL) / HEED_BLOCK_RUN;
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      float sum = accumulate ? c[i * c_stride + j] : 0;
      for (ptrdiff_t b = 0; b < blocks; b++) {
        const uint8_t *run = panel + b / HEED_BLOCK_RUN * run_bytes;
        const uint8_t *block = run + 2 * HEED_PANEL + b % HEED_BLOCK_RUN * bytes;
        const ptrdiff_t place = i * blocks + b;
        uint16_t factor;
        memcpy(&factor, run + 2 * j, 2);
        int32_t whole = 0;
        for (int half = 0; half < 2; half++) {
          int32_t product = -32 * sums[2 * place + half];
          for (ptrdiff_t k = half * half_width; k < (half + 1) * half_width; k++) {
            product += stored(HEED_PANEL_6, block + 2 * HEED_PANEL, j, k) *
                       a[place * HEED_BLOCK_WIDTH + k];
          }
          whole += (int8_t)block[half * HEED_PANEL + j] * product;
        }
        sum = fmaf((float)whole, heed_f32_of_f16(factor) * scales[place], sum);
      }
      c[i * c_stride + j] = sum;
    }
  }
}

void heed_generic_tile_blocks(heed_panel_format format, ptrdiff_t m, ptrdiff_t n,
                              ptrdiff_t blocks, const int8_t *a, const float *scales,
                              const int32_t *sums, const void *panel, float *c,
                              ptrdiff_t c_stride, int accumulate) {
  const int has_offset = format == HEED_PANEL_8_OFFSET || format == HEED_PANEL_4_OFFSET;
  const int middle = format == HEED_PANEL_8 ? 128 : format == HEED_PANEL_4 ? 8 : 0;
  if (format == HEED_PANEL_6) {
    tile_sixes(m, n, blocks, a, scales, sums, panel, c, c_stride, accumulate);
    return;
  }
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      float sum = accumulate ? c[i * c_stride + j] : 0;
      for (ptrdiff_t b = 0; b < blocks; b++) {
        const uint8_t *block = (const uint8_t *)panel + b * heed_panel_bytes(format);
        const uint8_t *q = block + 2 * HEED_PANEL * (1 + has_offset);
        const float own = scales[i * blocks + b];
        uint16_t scale, offset;
        memcpy(&scale, block + 2 * j, 2);
        memcpy(&offset, block + 2 * (HEED_PANEL + j), 2);
        int32_t product = 0;
        for (ptrdiff_t k = 0; k < HEED_BLOCK_WIDTH; k++) {
          product +=
              (stored(format, q, j, k) - middle) * a[(i * blocks + b) * HEED_BLOCK_WIDTH + k];
        }
        sum = fmaf((float)product, heed_f32_of_f16(scale) * own, sum);
        if (has_offset) {
          const float all = own * (float)sums[i * blocks + b];
          sum = fmaf(heed_f32_of_f16(offset), all, sum);
        }
      }
      c[i * c_stride + j] = sum;
    }
  }
}
