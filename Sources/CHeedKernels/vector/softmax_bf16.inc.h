// The softmax step that leaves pairs of bf16. The sum is that of the rounded weights, so that they
// sum to one after the division.

void HEED_NAME(_softmax_step_bf16)(ptrdiff_t m, ptrdiff_t n, float *s, uint32_t *p, float factor,
                                   float *row_max, float *row_sum, float *correction) {
  HEED_NAME(_advance)(m, n, s, factor, row_max, correction);
  vf factors = v_set(factor);
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    uint32_t *pairs = p + i * (HEED_SCORE_STRIDE / 2);
    vf below = HEED_NAME(_below)(row_max[i]);
    HEED_ZERO_LANES(sums, HEED_SCORE_LANES);
    HEED_EACH_OF_LANES(HEED_SCORE_LANES, n, {
      vf weight = HEED_NAME(_weight)(v_fma(v_get(row + at, count), factors, below));
      v_put(row + at, weight, count);
      if (count < VL) weight = v_get(row + at, count);
      sums[lane] = v_add(sums[lane], v_pair_high(v_bf16_bits(weight)));
    });
    row_sum[i] = fmaf(row_sum[i], correction[i], v_fold_lanes(sums, HEED_SCORE_LANES));
    for (ptrdiff_t j = 0; j < n; j += 32) {
      HEED_UNROLL for (int part = 0; part < 32; part += 2 * VL) {
        vf words = v_read_neighbours(row + j + part, n - j - part, v_set(1));
        v_store_bits(pairs + (j + part) / 2, v_as_bits(words));
      }
    }
  }
}
