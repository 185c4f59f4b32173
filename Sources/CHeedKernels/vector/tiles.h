// Matrix tiles: a block of outputs stays in registers while k runs.
//
// HEED_TILE_ROWS x HEED_TILE_COLUMNS vectors of accumulators, HEED_TILE_COLUMNS vectors of b and
// one number of a are alive at once; the includer chooses the sizes that fill its registers. One
// or two rows would leave the multipliers waiting for each other's results, so these take twice
// the columns. Whatever the block, an output is one chain of fused multiply-adds in the order of k.

#ifndef HEED_VECTOR_TILES_H
#define HEED_VECTOR_TILES_H

#define HEED_WIDE_COLUMNS (2 * HEED_TILE_COLUMNS)

/// Cuts an m x n tile into blocks: `name` in terms of `block`, at most `limit` (<= 8) rows each.
#define HEED_TILE(name, type, block, limit)                                                       \
  HEED_INLINE void name(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const type *a, ptrdiff_t row_step, \
                        ptrdiff_t k_step, const type *b, ptrdiff_t b_stride, float *c,            \
                        ptrdiff_t c_stride, int accumulate) {                                     \
    const ptrdiff_t usual = HEED_TILE_COLUMNS * VL, wide = HEED_WIDE_COLUMNS * VL;                \
    ptrdiff_t j = 0;                                                                              \
    if (m <= 2) {                                                                                 \
      for (; n - j >= wide; j += wide) {                                                          \
        const ptrdiff_t i = 0;                                                                    \
        if (m == 1) HEED_BLOCK(block, 1, HEED_WIDE_COLUMNS, VL);                                  \
        if (m == 2) HEED_BLOCK(block, 2, HEED_WIDE_COLUMNS, VL);                                  \
      }                                                                                           \
    }                                                                                             \
    for (; n - j >= usual; j += usual) HEED_ALL_ROWS(block, limit, HEED_TILE_COLUMNS, VL)         \
    for (; n - j >= VL; j += VL) HEED_ALL_ROWS(block, limit, 1, VL)                               \
    if (j < n) HEED_ALL_ROWS(block, limit, 1, n - j)                                              \
  }

#define HEED_BLOCK(block, rows, columns, last)                                            \
  block(rows, columns, last, k, a + i * row_step, row_step, k_step, b + j, b_stride,      \
        c + i * c_stride + j, c_stride, accumulate)

#define HEED_REST(block, rows, limit, columns, last) \
  case rows:                                         \
    if (rows < limit) HEED_BLOCK(block, (rows < limit ? rows : 1), columns, last); \
    break;

#define HEED_ALL_ROWS(block, limit, columns, last)                                       \
  {                                                                                      \
    ptrdiff_t i = 0;                                                                     \
    for (; m - i >= limit; i += limit) HEED_BLOCK(block, limit, columns, last);          \
    switch (m - i) {                                                                     \
      HEED_REST(block, 1, limit, columns, last)                                          \
      HEED_REST(block, 2, limit, columns, last)                                          \
      HEED_REST(block, 3, limit, columns, last)                                          \
      HEED_REST(block, 4, limit, columns, last)                                          \
      HEED_REST(block, 5, limit, columns, last)                                          \
      HEED_REST(block, 6, limit, columns, last)                                          \
      HEED_REST(block, 7, limit, columns, last)                                          \
      default: break;                                                                    \
    }                                                                                    \
  }

#endif
