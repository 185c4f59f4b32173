// The softmax step that leaves f32 weights, and what the backward pass needs of it.

void HEED_NAME(_softmax_step_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float factor,
                                  float *row_max, float *row_sum, float *correction) {
  HEED_NAME(_advance)(m, n, s, factor, row_max, correction);
  vf factors = v_set(factor);
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    vf below = HEED_NAME(_below)(row_max[i]);
    HEED_ZERO_LANES(sums, HEED_SCORE_LANES);
    HEED_EACH_OF_LANES(HEED_SCORE_LANES, n, {
      vf p = HEED_NAME(_weight)(v_fma(v_get(row + at, count), factors, below));
      v_put(row + at, p, count);
      sums[lane] = v_add(sums[lane], count == VL ? p : v_get(row + at, count));
    });
    row_sum[i] = fmaf(row_sum[i], correction[i], v_fold_lanes(sums, HEED_SCORE_LANES));
    for (ptrdiff_t j = n; j % 32 != 0; j++) row[j] = 0;
  }
}

void HEED_NAME(_softmax_weights_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float factor,
                                     const float *lse) {
  vf factors = v_set(factor);
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE) {
    if (lse[i] == -INFINITY) {
      memset(s, 0, (size_t)n * sizeof(float));
      continue;
    }
    vf below = v_set(-lse[i]);
    HEED_EACH(n, {
      v_put(s + at, HEED_NAME(_weight)(v_fma(v_get(s + at, count), factors, below)), count);
    });
  }
}

// A key that a row may not see has weight 0 and no gradient, whatever its value was.
void HEED_NAME(_softmax_gradient_f32)(ptrdiff_t m, ptrdiff_t n, const float *p, float *dp,
                                      float scale, const float *delta) {
  vf scales = v_set(scale), zero = v_set(0);
  for (ptrdiff_t i = 0; i < m; i++, p += HEED_SCORE_STRIDE, dp += HEED_SCORE_STRIDE) {
    vf deltas = v_set(delta[i]);
    HEED_EACH(n, {
      vf weight = v_get(p + at, count), change = v_sub(v_get(dp + at, count), deltas);
      vf product = v_mul(v_mul(weight, change), scales);
      v_put(dp + at, v_select(v_equal(weight, zero), zero, product), count);
    });
  }
}
