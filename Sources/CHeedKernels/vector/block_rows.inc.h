// All rows of a product of blocks, in tiles: included once for each way to multiply the blocks of a tile.
// The includer defines
//
//   HEED_BLOCKS_OF_TILE   the function for the blocks of one tile
//   HEED_ROWS_OF_TILES    the name of the function that is made
//   HEED_SUMS_OF_BLOCK    sums of activations for each block

HEED_INLINE void HEED_ROWS_OF_TILES(const heed_panel_format format, ptrdiff_t m, ptrdiff_t n,
                                    ptrdiff_t blocks, const int8_t *a, const float *scales,
                                    const int32_t *sums, const uint8_t *panel, float *c,
                                    ptrdiff_t c_stride, int accumulate) {
#define CALL(rows, vectors, first)                                                            \
  HEED_BLOCKS_OF_TILE(format, rows, vectors, first, n, blocks, a, scales, sums, panel, c,     \
                      c_stride, accumulate, (first) == 0 ? asks : ask_nothing)
#define CASE(rows)                                                                            \
  case rows:                                                                                  \
    for (int first = 0; first < panel_vectors; first += HEED_BLOCK_VECTORS) {                 \
      CALL((rows) <= HEED_BLOCK_ROWS ? (rows) : 1, HEED_BLOCK_VECTORS, first);                \
    }                                                                                         \
    break;
  asking asks = m <= 2 * HEED_BLOCK_ROWS ? ask_here : ask_nothing;
  for (; m > 0; asks = asks == ask_here ? ask_next : ask_nothing) {
    // Even tiles: 7 rows are 4 and 3, not 6 and 1.
    const ptrdiff_t tiles = (m + HEED_BLOCK_ROWS - 1) / HEED_BLOCK_ROWS;
    const ptrdiff_t rows = (m + tiles - 1) / tiles;
    switch (rows) {
      case 1: CALL(1, panel_vectors, 0); break;
      CASE(2)
#if HEED_BLOCK_ROWS > 2
      CASE(3)
      CASE(4)
#endif
#if HEED_BLOCK_ROWS > 4
      CASE(5)
      CASE(6)
#endif
    }
    m -= rows;
    a += rows * blocks * HEED_BLOCK_WIDTH;
    scales += rows * blocks;
    sums += rows * blocks * HEED_SUMS_OF_BLOCK;
    c += rows * c_stride;
  }
#undef CASE
#undef CALL
}

#undef HEED_BLOCKS_OF_TILE
#undef HEED_ROWS_OF_TILES
#undef HEED_SUMS_OF_BLOCK
