// Blocks of small weights in tile registers: sixteen rows by sixteen outputs by a block an instruction.
// Sums within a block are integers and what follows them is rounded as everywhere, so the bits are
// those of the other tables; few rows, and the rows that fill no tile, go to the dot products.
//
// A stretch of a panel is unpacked to signed bytes in the first cache, once for all rows. While the
// vectors add the sums of one block, the tile registers are at the next.

#if defined(__x86_64__)

#include "../vector/common.h"
#include "amx.h"
#include "tables.h"

#pragma clang attribute push(                                                             \
    __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512vl,avx512dq,fma,f16c"))), \
    apply_to = function)

#define HEED_PREFIX heed_amx
#include "vec_avx512.h"

enum { stretch = 24, groups = HEED_BLOCK_WIDTH / 4, panel_vectors = HEED_PANEL / VL };

/// Blocks of a panel as the registers and the vectors read them.
typedef struct {
  int8_t weights[stretch][groups][HEED_PANEL][4];
  float scales[stretch][HEED_PANEL], offsets[stretch][HEED_PANEL];
} unpacked;

AMX_INLINE ptrdiff_t block_bytes(const int is_small, const int has_offset) {
  return 2 * HEED_PANEL * (1 + has_offset) + HEED_PANEL * HEED_BLOCK_WIDTH / (1 + is_small);
}

AMX_INLINE void unpack(const heed_panel_format format, const int is_small, const int has_offset,
                       ptrdiff_t blocks, const uint8_t *panel, unpacked *to) {
  const __m512i low_half = _mm512_set1_epi8(15), eight = _mm512_set1_epi8(8);
  const __m512i sign = _mm512_set1_epi8((char)0x80);
  for (ptrdiff_t b = 0; b < blocks; b++, panel += block_bytes(is_small, has_offset)) {
    const uint16_t *halves = (const uint16_t *)(const void *)panel;
    HEED_UNROLL for (int v = 0; v < panel_vectors; v++) {
      v_store(to->scales[b] + v * VL, v_load_f16(halves + v * VL));
      if (has_offset) v_store(to->offsets[b] + v * VL, v_load_f16(halves + HEED_PANEL + v * VL));
    }
    const uint8_t *q = panel + 2 * HEED_PANEL * (1 + has_offset);
    int8_t *weights = to->weights[b][0][0];
    for (int at = 0; at < HEED_PANEL * HEED_BLOCK_WIDTH / (1 + is_small); at += 64) {
      const __m512i word = _mm512_loadu_si512(q + at);
      if (!is_small) {
        _mm512_storeu_si512(weights + at,
                            format == HEED_PANEL_8 ? _mm512_xor_si512(word, sign) : word);
        continue;
      }
      __m512i low = _mm512_and_si512(word, low_half);
      __m512i high = _mm512_and_si512(_mm512_srli_epi16(word, 4), low_half);
      if (format == HEED_PANEL_4) low = _mm512_sub_epi8(low, eight), high = _mm512_sub_epi8(high, eight);
      _mm512_storeu_si512(weights + at, low);
      _mm512_storeu_si512(weights + at + HEED_PANEL * HEED_BLOCK_WIDTH / 2, high);
    }
  }
}

/// The integer products of a block: sixteen rows by sixteen outputs.
typedef struct {
  int32_t sums[VL][VL];
} block_sums;

#define MULTIPLY(tile, b)                                                                \
  do {                                                                                   \
    _tile_zero(tile);                                                                    \
    _tile_loadd(4 + tile, a + (b) * HEED_BLOCK_WIDTH, row_blocks * HEED_BLOCK_WIDTH);    \
    _tile_loadd(6 + tile, from->weights[b][0][column], HEED_PANEL * 4);                  \
    _tile_dpbssd(tile, 4 + tile, 6 + tile);                                              \
    _tile_stored(tile, products[tile].sums, VL * 4);                                     \
  } while (0)

AMX_INLINE void add(const int has_offset, const block_sums *products, const unpacked *from,
                    ptrdiff_t b, int column, const float *scales, const int32_t *sums,
                    ptrdiff_t row_blocks, vf *total) {
  const vf scale = v_load(from->scales[b] + column);
  HEED_UNROLL for (int i = 0; i < VL; i++) {
    const vf factor = v_mul(scale, v_set(scales[i * row_blocks + b]));
    const vf product = _mm512_cvtepi32_ps(_mm512_loadu_si512(products->sums[i]));
    total[i] = v_fma(product, factor, total[i]);
  }
  if (!has_offset) return;
  const vf offset = v_load(from->offsets[b] + column);
  HEED_UNROLL for (int i = 0; i < VL; i++) {
    const float all = scales[i * row_blocks + b] * (float)sums[i * row_blocks + b];
    total[i] = v_fma(offset, v_set(all), total[i]);
  }
}

/// Sixteen rows by the sixteen outputs from `column` on, over a stretch of blocks.
AMX_INLINE void tile(const int has_offset, ptrdiff_t blocks, const int8_t *a, const float *scales,
                     const int32_t *sums, ptrdiff_t row_blocks, const unpacked *from, int column,
                     ptrdiff_t n, float *c, ptrdiff_t c_stride, int accumulate) {
  block_sums products[2];
  const ptrdiff_t left = n - column;
  const __mmask16 present = left >= VL ? 0xffff : v_first(left);
  vf total[VL];
  HEED_UNROLL for (int i = 0; i < VL; i++) {
    total[i] = accumulate ? _mm512_maskz_loadu_ps(present, c + i * c_stride + column) : v_set(0);
  }
  MULTIPLY(0, 0);
  for (ptrdiff_t b = 0; b < blocks; b += 2) {
    if (b + 1 < blocks) MULTIPLY(1, b + 1);
    add(has_offset, &products[0], from, b, column, scales, sums, row_blocks, total);
    if (b + 1 == blocks) break;
    if (b + 2 < blocks) MULTIPLY(0, b + 2);
    add(has_offset, &products[1], from, b + 1, column, scales, sums, row_blocks, total);
  }
  HEED_UNROLL for (int i = 0; i < VL; i++) {
    _mm512_mask_storeu_ps(c + i * c_stride + column, present, total[i]);
  }
}

AMX_INLINE void rows_of_tiles(const heed_panel_format format, ptrdiff_t m, ptrdiff_t n,
                              ptrdiff_t row_blocks, const int8_t *a, const float *scales,
                              const int32_t *sums, const uint8_t *panel, float *c,
                              ptrdiff_t c_stride, int accumulate) {
  const int is_small = format == HEED_PANEL_4 || format == HEED_PANEL_4_OFFSET;
  const int has_offset = format == HEED_PANEL_8_OFFSET || format == HEED_PANEL_4_OFFSET;
  unpacked part;
  for (ptrdiff_t b = 0; b < row_blocks; b += stretch) {
    const ptrdiff_t blocks = row_blocks - b < stretch ? row_blocks - b : stretch;
    unpack(format, is_small, has_offset, blocks, panel + b * block_bytes(is_small, has_offset),
           &part);
    for (ptrdiff_t i = 0; i < m; i += VL) {
      for (int column = 0; column < n; column += VL) {
        const ptrdiff_t at = i * row_blocks + b;
        tile(has_offset, blocks, a + at * HEED_BLOCK_WIDTH, scales + at, sums + at, row_blocks,
             &part, column, n, c + i * c_stride, c_stride, accumulate || b > 0);
      }
    }
  }
}

void heed_amx_tile_blocks(heed_panel_format format, ptrdiff_t m, ptrdiff_t n, ptrdiff_t blocks,
                          const int8_t *a, const float *scales, const int32_t *sums,
                          const void *panel, float *c, ptrdiff_t c_stride, int accumulate) {
  // Halves of 16 would fill half a tile: blocks of 6 bits are left to dot products.
  const ptrdiff_t whole = blocks > 0 && format != HEED_PANEL_6 ? m / VL * VL : 0;
  if (whole > 0) {
    tile_shapes shapes;
    memset(&shapes, 0, sizeof shapes);
    shapes.palette = 1;
    for (int t = 0; t < 2; t++) {
      shapes.rows[t] = VL, shapes.row_bytes[t] = VL * 4;
      shapes.rows[4 + t] = VL, shapes.row_bytes[4 + t] = HEED_BLOCK_WIDTH;
      shapes.rows[6 + t] = groups, shapes.row_bytes[6 + t] = VL * 4;
    }
    amx_configure(&shapes);
#define CALL(format)                                                                           \
  case format:                                                                                 \
    rows_of_tiles(format, whole, n, blocks, a, scales, sums, panel, c, c_stride, accumulate);  \
    break;
    switch (format) {
      CALL(HEED_PANEL_8)
      CALL(HEED_PANEL_8_OFFSET)
      CALL(HEED_PANEL_4)
      CALL(HEED_PANEL_4_OFFSET)
      case HEED_PANEL_6: break;
    }
#undef CALL
  }
  if (whole < m) {
    heed_avx512vnni_tile_blocks(format, m - whole, n, blocks, a + whole * blocks * HEED_BLOCK_WIDTH,
                                scales + whole * blocks, sums + whole * blocks, panel,
                                c + whole * c_stride, c_stride, accumulate);
  }
}

#pragma clang attribute pop

#endif
