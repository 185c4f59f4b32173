// Products of 8-bit activations with blocks of small weights, for an instruction set that multiplies
// bytes. The file that includes this defines
//
//   DOT8(sum, w, a)   sum + the products of four bytes w - MIDDLE8 with four int8 a in each lane
//   MIDDLE8           what is taken off the sum of a block beforehand instead (0 where DOT8 does it)
//   DOT7(sum, w, a)   the same for bytes up to 127 as they are
//   v_load_words, v_set_words, v_low_nibbles, v_high_nibbles, v_or_words, v_float_of_words
//   v_words_of_bytes, v_add_words, v_mul_words   of signed numbers
//   v_upper_bits(x, at)   bits at and at + 1 of each byte, as bits 4 and 5
//   HEED_BLOCK_ROWS, HEED_BLOCK_VECTORS   rows at once, and of how many vectors of a panel
//
// Few rows read panels straight from memory: the first tile of them asks for what comes next, and so
// that memory does not wait for the second one, that asks for the next panel. One row reads all of a
// panel at once. Several rows keep the sums of HEED_BLOCK_ROWS rows and HEED_BLOCK_VECTORS vectors in
// registers, twice: as integers within a block, as floats over all blocks.

enum { panel_vectors = HEED_PANEL / VL };

/// What a tile asks of memory: nothing, the same panel a little further on, the next panel.
typedef enum { ask_nothing, ask_here, ask_next } asking;

/// Bytes ahead of few rows.
#define HEED_BLOCK_AHEAD 4096
/// Every fourth line of what comes next: the processor's own streams bring the lines between, and asking
/// for every one, which takes a miss buffer of the first cache for each, held a third of the speed of
/// memory back.
#define HEED_ASK(asks, panel, bytes, panel_bytes)                                     \
  if (asks == ask_here) {                                                             \
    HEED_UNROLL for (int line = 0; line < (bytes); line += 256) {                     \
      HEED_PREFETCH_NEAR((panel) + HEED_BLOCK_AHEAD + line);                          \
    }                                                                                 \
  } else if (asks == ask_next) {                                                      \
    HEED_UNROLL for (int line = 0; line < (bytes); line += 64) {                      \
      HEED_PREFETCH_NEAR((panel) + (panel_bytes) + line);                             \
    }                                                                                 \
  }

/// Sums over all blocks, from zero or from what c holds.
HEED_INLINE void HEED_NAME(_begin)(const int rows, const int vectors, ptrdiff_t first, ptrdiff_t n,
                                   const float *c, ptrdiff_t c_stride, int accumulate,
                                   vf total[][panel_vectors]) {
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int v = 0; v < vectors; v++) {
      const ptrdiff_t column = (first + v) * VL;
      total[i][v] =
          accumulate ? v_get_within(c + i * c_stride + column, VL, n - column) : v_set(0);
    }
  }
}

HEED_INLINE void HEED_NAME(_end)(const int rows, const int vectors, ptrdiff_t first, ptrdiff_t n,
                                 float *c, ptrdiff_t c_stride, vf total[][panel_vectors]) {
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int v = 0; v < vectors; v++) {
      const ptrdiff_t column = (first + v) * VL, left = n - column;
      if (left > 0) v_put(c + i * c_stride + column, total[i][v], heed_smaller(VL, left));
    }
  }
}

/// Blocks of 6 bits, half by half; the loads of the second half come from the first cache. What a block adds
/// is a whole number that a float holds, so that it is scaled once and not for each half.
HEED_INLINE void HEED_NAME(_sixes)(const heed_panel_format format, const int rows,
                                   const int vectors, ptrdiff_t first, ptrdiff_t n,
                                   ptrdiff_t blocks, const int8_t *a, const float *scales,
                                   const int32_t *sums, const uint8_t *panel, float *c,
                                   ptrdiff_t c_stride, int accumulate, asking asks) {
  (void)format;
  vf total[HEED_BLOCK_ROWS][panel_vectors];
  HEED_NAME(_begin)(rows, vectors, first, n, c, c_stride, accumulate, total);
  const ptrdiff_t head = 2 * HEED_PANEL, bytes = head + HEED_PANEL * HEED_BLOCK_WIDTH * 3 / 4;
  const ptrdiff_t panel_bytes = blocks * bytes + blocks / HEED_BLOCK_RUN * 2 * HEED_PANEL;
  vf factor[panel_vectors];
  HEED_UNROLL for (int v = 0; v < vectors; v++) factor[v] = v_set(0);
  for (ptrdiff_t b = 0; b < blocks; b++, panel += bytes) {
    if (b % HEED_BLOCK_RUN == 0) {
      HEED_UNROLL for (int v = 0; v < vectors; v++) {
        factor[v] = v_load_f16((const uint16_t *)(const void *)panel + (first + v) * VL);
      }
      panel += 2 * HEED_PANEL;
    }
    HEED_ASK(asks, panel, bytes, panel_bytes);
    vi whole[HEED_BLOCK_ROWS][panel_vectors];
    HEED_UNROLL for (int half = 0; half < 2; half++) {
      vi sum[HEED_BLOCK_ROWS][panel_vectors];
      HEED_UNROLL for (int i = 0; i < rows; i++) {
        const vi start = v_set_words(-32 * sums[2 * (i * blocks + b) + half]);
        HEED_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = start;
      }
      HEED_UNROLL for (int g = 0; g < 4; g++) {
        vi w[panel_vectors];
        HEED_UNROLL for (int v = 0; v < vectors; v++) {
          const uint8_t *q = panel + head + (first + v) * VL * 4;
          const vi word = v_load_words(q + g * HEED_PANEL * 4);
          const vi upper = v_load_words(q + (4 + g / 2) * HEED_PANEL * 4);
          w[v] = v_or_words(half ? v_high_nibbles(word) : v_low_nibbles(word),
                            v_upper_bits(upper, g % 2 * 4 + half * 2));
        }
        HEED_UNROLL for (int i = 0; i < rows; i++) {
          int32_t four;
          memcpy(&four, a + (i * blocks + b) * HEED_BLOCK_WIDTH + 16 * half + 4 * g, 4);
          const vi x = v_set_words(four);
          HEED_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = DOT7(sum[i][v], w[v], x);
        }
      }
      HEED_UNROLL for (int v = 0; v < vectors; v++) {
        const vi scale = v_words_of_bytes(panel + half * HEED_PANEL + (first + v) * VL);
        HEED_UNROLL for (int i = 0; i < rows; i++) {
          const vi scaled = v_mul_words(sum[i][v], scale);
          whole[i][v] = half ? v_add_words(whole[i][v], scaled) : scaled;
        }
      }
    }
    HEED_UNROLL for (int i = 0; i < rows; i++) {
      const vf own = v_set(scales[i * blocks + b]);
      HEED_UNROLL for (int v = 0; v < vectors; v++) {
        total[i][v] = v_fma(v_float_of_words(whole[i][v]), v_mul(factor[v], own), total[i][v]);
      }
    }
  }
  HEED_NAME(_end)(rows, vectors, first, n, c, c_stride, total);
}

/// Blocks of 8 and 4 bits.
HEED_INLINE void HEED_NAME(_plain)(const heed_panel_format format, const int rows,
                                   const int vectors, ptrdiff_t first, ptrdiff_t n,
                                    ptrdiff_t blocks, const int8_t *a, const float *scales,
                                    const int32_t *sums, const uint8_t *panel, float *c,
                                    ptrdiff_t c_stride, int accumulate, asking asks) {
  const int is_small = format == HEED_PANEL_4 || format == HEED_PANEL_4_OFFSET;
  const int has_offset = format == HEED_PANEL_8_OFFSET || format == HEED_PANEL_4_OFFSET;
  const int middle = format == HEED_PANEL_8 ? MIDDLE8 : format == HEED_PANEL_4 ? 8 : 0;
  const int groups = 8 / (1 + is_small);
  const ptrdiff_t head = 2 * HEED_PANEL * (1 + has_offset);
  const ptrdiff_t bytes = head + HEED_PANEL * HEED_BLOCK_WIDTH / (1 + is_small);
  vf total[HEED_BLOCK_ROWS][panel_vectors];
  HEED_NAME(_begin)(rows, vectors, first, n, c, c_stride, accumulate, total);
  for (ptrdiff_t b = 0; b < blocks; b++, panel += bytes) {
    HEED_ASK(asks, panel, bytes, blocks * bytes);
    vi sum[HEED_BLOCK_ROWS][panel_vectors];
    HEED_UNROLL for (int i = 0; i < rows; i++) {
      const vi start = v_set_words(middle ? -middle * sums[i * blocks + b] : 0);
      HEED_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = start;
    }
    const uint8_t *q = panel + head + first * VL * 4;
    HEED_UNROLL for (int g = 0; g < groups; g++) {
      vi low[panel_vectors], high[panel_vectors];
      HEED_UNROLL for (int v = 0; v < vectors; v++) {
        const vi word = v_load_words(q + (g * HEED_PANEL + v * VL) * 4);
        low[v] = is_small ? v_low_nibbles(word) : word;
        high[v] = is_small ? v_high_nibbles(word) : word;
      }
      HEED_UNROLL for (int i = 0; i < rows; i++) {
        int32_t near, far;
        memcpy(&near, a + (i * blocks + b) * HEED_BLOCK_WIDTH + 4 * g, 4);
        const vi x = v_set_words(near);
        HEED_UNROLL for (int v = 0; v < vectors; v++) {
          sum[i][v] = format == HEED_PANEL_8 ? DOT8(sum[i][v], low[v], x)
                                             : DOT7(sum[i][v], low[v], x);
        }
        if (!is_small) continue;
        memcpy(&far, a + (i * blocks + b) * HEED_BLOCK_WIDTH + 4 * g + 16, 4);
        const vi y = v_set_words(far);
        HEED_UNROLL for (int v = 0; v < vectors; v++) {
          sum[i][v] = DOT7(sum[i][v], high[v], y);
        }
      }
    }
    HEED_UNROLL for (int v = 0; v < vectors; v++) {
      const uint16_t *halves = (const uint16_t *)(const void *)panel + (first + v) * VL;
      const vf scale = v_load_f16(halves);
      HEED_UNROLL for (int i = 0; i < rows; i++) {
        const vf factor = v_mul(scale, v_set(scales[i * blocks + b]));
        total[i][v] = v_fma(v_float_of_words(sum[i][v]), factor, total[i][v]);
      }
      if (!has_offset) continue;
      const vf offset = v_load_f16(halves + HEED_PANEL);
      HEED_UNROLL for (int i = 0; i < rows; i++) {
        const float all = scales[i * blocks + b] * (float)sums[i * blocks + b];
        total[i][v] = v_fma(offset, v_set(all), total[i][v]);
      }
    }
  }
  HEED_NAME(_end)(rows, vectors, first, n, c, c_stride, total);
}

#define HEED_BLOCKS_OF_TILE HEED_NAME(_plain)
#define HEED_ROWS_OF_TILES HEED_NAME(_plain_rows)
#define HEED_SUMS_OF_BLOCK 1
#include "block_rows.inc.h"

#define HEED_BLOCKS_OF_TILE HEED_NAME(_sixes)
#define HEED_ROWS_OF_TILES HEED_NAME(_sixes_rows)
#define HEED_SUMS_OF_BLOCK 2
#include "block_rows.inc.h"

void HEED_NAME(_tile_blocks)(heed_panel_format format, ptrdiff_t m, ptrdiff_t n,
                             ptrdiff_t blocks, const int8_t *a, const float *scales,
                             const int32_t *sums, const void *panel, float *c,
                             ptrdiff_t c_stride, int accumulate) {
#define CALL(format, function)                                                                \
  case format:                                                                                \
    function(format, m, n, blocks, a, scales, sums, panel, c, c_stride, accumulate);          \
    break;
  switch (format) {
    CALL(HEED_PANEL_8, HEED_NAME(_plain_rows))
    CALL(HEED_PANEL_8_OFFSET, HEED_NAME(_plain_rows))
    CALL(HEED_PANEL_4, HEED_NAME(_plain_rows))
    CALL(HEED_PANEL_4_OFFSET, HEED_NAME(_plain_rows))
    CALL(HEED_PANEL_6, HEED_NAME(_sixes_rows))
  }
#undef CALL
}

void HEED_NAME(_quantize_blocks_i8)(ptrdiff_t n, const float *x, int8_t *y, float *scales,
                                    int32_t *sums) {
  enum { parts = HEED_BLOCK_WIDTH / VL };
  for (ptrdiff_t start = 0; start < n; start += HEED_BLOCK_WIDTH, y += HEED_BLOCK_WIDTH) {
    vf value[parts], largest = v_set(0), strange = v_set(0);
    HEED_UNROLL for (int v = 0; v < parts; v++) {
      value[v] = v_get_within(x + start + v * VL, VL, n - start - v * VL);
      largest = v_max(v_abs(value[v]), largest);
      strange = v_fma(value[v], v_set(0), strange);
    }
    const float size = v_fold_max(largest), wrong = v_fold_add(strange);
    if (!(size >= 0x1p-100f) || wrong != 0) {
      memset(y, 0, HEED_BLOCK_WIDTH);
      *scales++ = wrong;
      *sums++ = 0;
      continue;
    }
    *scales++ = size / 127;
    const vf factor = v_set(127 / size);
    vf all = v_set(0);
    HEED_UNROLL for (int v = 0; v < parts; v++) {
      const vf rounded = v_round(v_mul(value[v], factor));
      v_store_i8(y + v * VL, rounded);
      all = v_add(all, rounded);
    }
    *sums++ = (int32_t)v_fold_add(all);
  }
}
