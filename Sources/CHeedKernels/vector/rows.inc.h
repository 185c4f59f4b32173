// Softmax and norms over the last axis. Two passes for a variance (mean first), because one pass
// over x and x^2 cancels where the mean is far from zero.

void HEED_NAME(_softmax_rows_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, float *y) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, y += n) {
    vf largest = v_set(-INFINITY);
    ptrdiff_t whole = n / VL * VL;
    for (ptrdiff_t at = 0; at < whole; at += VL) largest = v_max(v_load(x + at), largest);
    float maximum = v_fold_max(largest);
    for (ptrdiff_t at = whole; at < n; at++) maximum = x[at] > maximum ? x[at] : maximum;
    vf shift = v_set(maximum == -INFINITY ? 0 : maximum);
    HEED_ZERO_LANES(sums, HEED_LANES);
    HEED_EACH_LANE(n, {
      vf e = v_exp(v_sub(v_get(x + at, count), shift));
      v_put(y + at, e, count);
      sums[lane] = v_add(sums[lane], count == VL ? e : v_get(y + at, count));
    });
    float sum = v_fold_lanes(sums, HEED_LANES);
    vf factor = v_set(sum == 0 ? 0 : 1 / sum);
    HEED_EACH(n, { v_put(y + at, v_mul(v_get(y + at, count), factor), count); });
  }
}

void HEED_NAME(_layer_norm_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,
                                const float *bias, float epsilon, float *y, float *mean,
                                float *inverse) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, y += n) {
    HEED_ZERO_LANES(sums, HEED_LANES);
    HEED_EACH_LANE(n, { sums[lane] = v_add(sums[lane], v_get(x + at, count)); });
    float center = v_fold_lanes(sums, HEED_LANES) / (float)n;
    vf centers = v_set(center);
    HEED_ZERO_LANES(squares, HEED_LANES);
    HEED_EACH_LANE(n, {
      vf d = v_sub(v_get(x + at, count), centers);
      if (count < VL) {  // lanes past the end must not add center^2
        float kept[VL];
        v_store(kept, d);
        d = v_load_part(kept, count);
      }
      squares[lane] = v_fma(d, d, squares[lane]);
    });
    float factor = 1 / sqrtf(v_fold_lanes(squares, HEED_LANES) / (float)n + epsilon);
    vf factors = v_set(factor);
    HEED_EACH(n, {
      vf h = v_mul(v_sub(v_get(x + at, count), centers), factors);
      vf g = gain ? v_get(gain + at, count) : v_set(1);
      vf b = bias ? v_get(bias + at, count) : v_set(0);
      v_put(y + at, v_fma(h, g, b), count);
    });
    if (mean) mean[row] = center;
    if (inverse) inverse[row] = factor;
  }
}

// With h = (x - mean) * inverse and g = dy * gain: dx = inverse * (g - mean(g) - h * mean(g h)).
void HEED_NAME(_layer_norm_gradient_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x,
                                         const float *dy, const float *gain, const float *mean,
                                         const float *inverse, float *dx, float *dgain,
                                         float *dbias) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, dy += n, dx += n) {
    vf centers = v_set(mean[row]), factors = v_set(inverse[row]);
    HEED_ZERO_LANES(sums, HEED_LANES);
    HEED_ZERO_LANES(products, HEED_LANES);
    HEED_EACH_LANE(n, {
      vf h = v_mul(v_sub(v_get(x + at, count), centers), factors), g = v_get(dy + at, count);
      if (gain) g = v_mul(g, v_get(gain + at, count));
      sums[lane] = v_add(sums[lane], g);
      products[lane] = v_fma(g, h, products[lane]);
    });
    vf sum = v_set(v_fold_lanes(sums, HEED_LANES) / (float)n);
    vf product = v_set(v_fold_lanes(products, HEED_LANES) / (float)n);
    HEED_EACH(n, {
      vf h = v_mul(v_sub(v_get(x + at, count), centers), factors), d = v_get(dy + at, count);
      vf g = gain ? v_mul(d, v_get(gain + at, count)) : d;
      if (dgain) v_put(dgain + at, v_fma(d, h, v_get(dgain + at, count)), count);
      if (dbias) v_put(dbias + at, v_add(d, v_get(dbias + at, count)), count);
      v_put(dx + at, v_mul(factors, v_nfma(h, product, v_sub(g, sum))), count);
    });
  }
}

HEED_INLINE vf v_offset_gain(const float *gain, float offset, ptrdiff_t at, ptrdiff_t count) {
  return gain ? v_add(v_get(gain + at, count), v_set(offset)) : v_set(1);
}

void HEED_NAME(_rms_norm_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,
                              float gain_offset, float epsilon, float *y, float *inverse) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, y += n) {
    HEED_ZERO_LANES(squares, HEED_LANES);
    HEED_EACH_LANE(n, {
      vf value = v_get(x + at, count);
      squares[lane] = v_fma(value, value, squares[lane]);
    });
    float factor = 1 / sqrtf(v_fold_lanes(squares, HEED_LANES) / (float)n + epsilon);
    HEED_EACH(n, {
      vf h = v_mul(v_get(x + at, count), v_set(factor));
      v_put(y + at, v_mul(h, v_offset_gain(gain, gain_offset, at, count)), count);
    });
    if (inverse) inverse[row] = factor;
  }
}

// With h = x * inverse and g = dy * gain: dx = inverse * (g - h * mean(g h)).
void HEED_NAME(_rms_norm_gradient_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x,
                                       const float *dy, const float *gain, float gain_offset,
                                       const float *inverse, float *dx, float *dgain) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, dy += n, dx += n) {
    vf factors = v_set(inverse[row]);
    HEED_ZERO_LANES(products, HEED_LANES);
    HEED_EACH_LANE(n, {
      vf h = v_mul(v_get(x + at, count), factors);
      vf g = v_mul(v_get(dy + at, count), v_offset_gain(gain, gain_offset, at, count));
      products[lane] = v_fma(g, h, products[lane]);
    });
    vf product = v_set(v_fold_lanes(products, HEED_LANES) / (float)n);
    HEED_EACH(n, {
      vf h = v_mul(v_get(x + at, count), factors), d = v_get(dy + at, count);
      vf g = v_mul(d, v_offset_gain(gain, gain_offset, at, count));
      if (dgain) v_put(dgain + at, v_fma(d, h, v_get(dgain + at, count)), count);
      v_put(dx + at, v_mul(factors, v_nfma(h, product, g)), count);
    });
  }
}
