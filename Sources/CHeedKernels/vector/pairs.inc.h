// Score tiles to pairs of bf16, along a row and along a column.

void HEED_NAME(_tile_to_pairs)(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                               uint32_t *by_columns) {
  ptrdiff_t written = (n + 15) / 16 * 16;
  for (ptrdiff_t i = 0; by_rows && i < m; i++) {
    const float *row = s + i * HEED_SCORE_STRIDE;
    float *pairs = (float *)(void *)(by_rows + i * (HEED_SCORE_STRIDE / 2));
    HEED_EACH(written / 2, {
      v_put(pairs + at, v_read_neighbours(row + 2 * at, n - 2 * at, v_set(1)), count);
    });
  }
  for (ptrdiff_t i = 0; by_columns && i < m; i += 2) {
    const float *row = s + i * HEED_SCORE_STRIDE;
    ptrdiff_t below = i + 1 < m ? n : 0;
    float *pairs = (float *)(void *)(by_columns + i / 2 * HEED_SCORE_STRIDE);
    HEED_EACH(written, {
      vf low = v_get_within(row + at, VL, n - at);
      vf high = v_get_within(row + HEED_SCORE_STRIDE + at, VL, below - at);
      v_put(pairs + at, v_as_float(v_pair_columns(low, high)), count);
    });
  }
}
