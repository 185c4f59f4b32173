// Vectors, sums and the optimiser's step.

void HEED_NAME(_scale_rows_f32)(ptrdiff_t m, ptrdiff_t n, float *c, ptrdiff_t stride,
                                const float *factor) {
  for (ptrdiff_t i = 0; i < m; i++, c += stride) {
    if (factor[i] == 1) continue;
    vf factors = v_set(factor[i]);
    HEED_EACH(n, { v_put(c + at, v_mul(v_get(c + at, count), factors), count); });
  }
}

void HEED_NAME(_add_f32)(ptrdiff_t n, const float *x, const float *y, float *z) {
  HEED_EACH(n, { v_put(z + at, v_add(v_get(x + at, count), v_get(y + at, count)), count); });
}

void HEED_NAME(_multiply_f32)(ptrdiff_t n, const float *x, const float *y, float *z) {
  HEED_EACH(n, { v_put(z + at, v_mul(v_get(x + at, count), v_get(y + at, count)), count); });
}

void HEED_NAME(_add_scaled_f32)(ptrdiff_t n, float factor, const float *x, float *y) {
  vf factors = v_set(factor);
  HEED_EACH(n, {
    v_put(y + at, v_fma(factors, v_get(x + at, count), v_get(y + at, count)), count);
  });
}

/// Halves added until one is left; halves that n did not reach are zeros and are passed over.
static double HEED_NAME(_fold)(const vd *sums, ptrdiff_t n) {
  double lanes[64];
  for (int i = 0; i < 64 / DL; i++) vd_store(lanes + i * DL, sums[i]);
  for (int half = 32; half > 0; half /= 2) {
    if (n <= half) continue;
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

double HEED_NAME(_sum_f32)(ptrdiff_t n, const float *x) {
  vd sums[64 / DL];
  HEED_UNROLL for (int i = 0; i < 64 / DL; i++) sums[i] = vd_zero();
  HEED_EACH_LANE(n, {
    vf value = v_get(x + at, count);
    sums[2 * lane] = vd_add(sums[2 * lane], vd_low(value));
    sums[2 * lane + 1] = vd_add(sums[2 * lane + 1], vd_high(value));
  });
  return HEED_NAME(_fold)(sums, n);
}

double HEED_NAME(_sum_of_squares_f32)(ptrdiff_t n, const float *x) {
  vd sums[64 / DL];
  HEED_UNROLL for (int i = 0; i < 64 / DL; i++) sums[i] = vd_zero();
  HEED_EACH_LANE(n, {
    vf value = v_get(x + at, count);
    vd low = vd_low(value);
    vd high = vd_high(value);
    sums[2 * lane] = vd_fma(low, low, sums[2 * lane]);
    sums[2 * lane + 1] = vd_fma(high, high, sums[2 * lane + 1]);
  });
  return HEED_NAME(_fold)(sums, n);
}

float HEED_NAME(_max_f32)(ptrdiff_t n, const float *x) {
  enum { chains = 4 };
  vf best[chains], infinity = v_set(INFINITY);
  HEED_UNROLL for (int i = 0; i < chains; i++) best[i] = v_set(-INFINITY);
  ptrdiff_t at = 0;
  for (; at + chains * VL <= n; at += chains * VL) {
    HEED_UNROLL for (int i = 0; i < chains; i++) {
      vf value = v_load(x + at + i * VL);
      best[i] = v_max(best[i], v_select(v_equal(value, value), value, infinity));
    }
  }
  float largest = v_fold_max(v_max(v_max(best[0], best[1]), v_max(best[2], best[3])));
  for (; at < n; at++) {
    float value = x[at] == x[at] ? x[at] : INFINITY;
    if (value > largest) largest = value;
  }
  return largest;
}

float HEED_NAME(_dot_f32)(ptrdiff_t n, const float *x, const float *y) {
  HEED_ZERO_LANES(sums, HEED_LANES);
  HEED_EACH_LANE(n, {
    sums[lane] = v_fma(v_get(x + at, count), v_get(y + at, count), sums[lane]);
  });
  return v_fold_lanes(sums, HEED_LANES);
}

// Loshchilov & Hutter 2017, arXiv 1711.05101.
void HEED_NAME(_adamw_f32)(ptrdiff_t n, float *w, const float *g, float *m, float *v,
                           float gradient_scale, float beta1, float beta2, float step_size,
                           float v_correction, float epsilon, float decay_factor) {
  vf scale = v_set(gradient_scale), keep1 = v_set(beta1), keep2 = v_set(beta2);
  vf take1 = v_set(1 - beta1), take2 = v_set(1 - beta2), step = v_set(step_size);
  vf correction = v_set(v_correction), floor = v_set(epsilon), decay = v_set(decay_factor);
  HEED_EACH(n, {
    vf gradient = v_mul(v_get(g + at, count), scale);
    vf first = v_fma(keep1, v_get(m + at, count), v_mul(take1, gradient));
    vf second = v_fma(keep2, v_get(v + at, count), v_mul(v_mul(take2, gradient), gradient));
    vf change = v_div(v_mul(step, first), v_fma(v_sqrt(second), correction, floor));
    v_put(m + at, first, count);
    v_put(v + at, second, count);
    v_put(w + at, v_sub(v_mul(v_get(w + at, count), decay), change), count);
  });
}

/// Twelve independent chains hide the latency of the addition on every core known.
double HEED_NAME(_peak_f32)(int64_t iterations) {
  enum { chains = 12 };
  vf a[chains], factor = v_set(0.999f);
  HEED_UNROLL for (int j = 0; j < chains; j++) a[j] = v_set((float)j);
  for (int64_t i = 0; i < iterations; i++) {
    HEED_UNROLL for (int j = 0; j < chains; j++) a[j] = v_fma(a[j], factor, factor);
  }
  HEED_UNROLL for (int j = 1; j < chains; j++) a[0] = v_add(a[0], a[j]);
  volatile float sink = v_fold_add(a[0]);
  (void)sink;
  return 2.0 * VL * chains * (double)iterations;
}
