// Matrix tiles: a block of outputs stays in registers while k runs.
//
// HEED_TILE_ROWS x HEED_TILE_COLUMNS vectors of sums, HEED_TILE_COLUMNS vectors of b and one word
// of a are alive at once; the includer chooses the sizes that fill its registers. One or two rows
// would leave the multipliers waiting for each other's results, so these take twice the columns.
// Whatever the block, an output is one chain of multiply-adds in the order of k.
//
// Included once for each kind of word: HEED_KIND names it, HEED_WORD is its type and
// HEED_WORDS its vector, HEED_LOAD, HEED_LOAD_PART and HEED_SET read it, HEED_MULTIPLY(a, b, sum)
// is a * b + sum, and HEED_ROW_STRIDE is the stride of A by rows.

#define HEED_WIDE_COLUMNS (2 * HEED_TILE_COLUMNS)
#define HEED_TILE(name) HEED_NAME(HEED_JOIN(name, HEED_KIND))

/// rows x columns vectors at c; `last` elements are in the last vector of each row. The counts
/// are constants where it is called, so that the loops unroll and `sum` lives in registers.
HEED_INLINE void HEED_TILE(_block_)(const int rows, const int columns, ptrdiff_t last, ptrdiff_t k,
                                    const HEED_WORD *a, ptrdiff_t row_step, ptrdiff_t k_step,
                                    const HEED_WORD *b, ptrdiff_t b_stride, float *c,
                                    ptrdiff_t c_stride, int accumulate) {
  vf sum[HEED_TILE_ROWS][HEED_WIDE_COLUMNS];
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const ptrdiff_t count = j + 1 < columns ? VL : last;
      sum[i][j] = accumulate ? v_get(c + i * c_stride + j * VL, count) : v_set(0);
    }
  }
  for (ptrdiff_t kk = 0; kk < k; kk++, a += k_step, b += b_stride) {
    HEED_WORDS right[HEED_WIDE_COLUMNS];
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const ptrdiff_t count = j + 1 < columns ? VL : last;
      right[j] = count == VL ? HEED_LOAD(b + j * VL) : HEED_LOAD_PART(b + j * VL, count);
    }
    HEED_UNROLL for (int i = 0; i < rows; i++) {
      HEED_WORDS left = HEED_SET(a[i * row_step]);
      HEED_UNROLL for (int j = 0; j < columns; j++) {
        sum[i][j] = HEED_MULTIPLY(left, right[j], sum[i][j]);
      }
    }
  }
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      v_put(c + i * c_stride + j * VL, sum[i][j], j + 1 < columns ? VL : last);
    }
  }
}

#define HEED_BLOCK(rows, columns, last)                                                       \
  HEED_TILE(_block_)(rows, columns, last, k, a + i * row_step, row_step, k_step, b + j,       \
                     b_stride, c + i * c_stride + j, c_stride, accumulate)

#define HEED_REST(rows, columns, last)                                                \
  case rows:                                                                          \
    HEED_BLOCK(rows < HEED_TILE_ROWS ? rows : 1, columns, last);                      \
    break;

#define HEED_ALL_ROWS(columns, last)                                                  \
  {                                                                                   \
    ptrdiff_t i = 0;                                                                  \
    for (; m - i >= HEED_TILE_ROWS; i += HEED_TILE_ROWS) {                            \
      HEED_BLOCK(HEED_TILE_ROWS, columns, last);                                      \
    }                                                                                 \
    switch (m - i) {                                                                  \
      HEED_REST(1, columns, last)                                                     \
      HEED_REST(2, columns, last)                                                     \
      HEED_REST(3, columns, last)                                                     \
      HEED_REST(4, columns, last)                                                     \
      HEED_REST(5, columns, last)                                                     \
      HEED_REST(6, columns, last)                                                     \
      HEED_REST(7, columns, last)                                                     \
      default: break;                                                                 \
    }                                                                                 \
  }

_Static_assert(HEED_TILE_ROWS <= 8, "the rest of the rows has a case for each count below 8");

HEED_INLINE void HEED_TILE(_any_tile_)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const HEED_WORD *a,
                                       ptrdiff_t row_step, ptrdiff_t k_step, const HEED_WORD *b,
                                       ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                                       int accumulate) {
  const ptrdiff_t usual = HEED_TILE_COLUMNS * VL, wide = HEED_WIDE_COLUMNS * VL;
  ptrdiff_t j = 0;
  if (m <= 2) {
    const ptrdiff_t i = 0;
    for (; n - j >= wide; j += wide) {
      if (m == 1) HEED_BLOCK(1, HEED_WIDE_COLUMNS, VL);
      if (m == 2) HEED_BLOCK(2, HEED_WIDE_COLUMNS, VL);
    }
  }
  for (; n - j >= usual; j += usual) HEED_ALL_ROWS(HEED_TILE_COLUMNS, VL)
  for (; n - j >= VL; j += VL) HEED_ALL_ROWS(1, VL)
  if (j < n) HEED_ALL_ROWS(1, n - j)
}

void HEED_TILE(_tile_)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const HEED_WORD *a,
                       ptrdiff_t a_stride, const HEED_WORD *b, ptrdiff_t b_stride, float *c,
                       ptrdiff_t c_stride, int accumulate) {
  HEED_TILE(_any_tile_)(m, n, k, a, 1, a_stride, b, b_stride, c, c_stride, accumulate);
}

void HEED_TILE(_tile_rows_)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const HEED_WORD *a,
                            const HEED_WORD *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                            int accumulate) {
  HEED_TILE(_any_tile_)(m, n, k, a, HEED_ROW_STRIDE, 1, b, b_stride, c, c_stride, accumulate);
}

void HEED_TILE(_panels_)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const HEED_WORD *a,
                         ptrdiff_t a_stride, int by_rows, const HEED_WORD *b,
                         ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  HEED_PANEL_BY_PANEL(HEED_TILE(_any_tile_))
}

#undef HEED_ALL_ROWS
#undef HEED_REST
#undef HEED_BLOCK
#undef HEED_TILE
#undef HEED_WIDE_COLUMNS
