// What is done to a score tile between the products: bias, cap, distance, and what is hidden.

void HEED_NAME(_score_bias_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float scale, const float *bias,
                                ptrdiff_t bias_stride) {
  vf scales = v_set(scale);
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE) {
    if (!bias) {
      HEED_EACH(n, { v_put(s + at, v_mul(v_get(s + at, count), scales), count); });
      continue;
    }
    const float *added = bias + i * bias_stride;
    HEED_EACH(n, {
      v_put(s + at, v_fma(v_get(s + at, count), scales, v_get(added + at, count)), count);
    });
  }
}

void HEED_NAME(_score_cap_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float cap) {
  vf caps = v_set(cap);
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE) {
    HEED_EACH(n, {
      v_put(s + at, v_mul(caps, v_tanh(v_div(v_get(s + at, count), caps))), count);
    });
  }
}

void HEED_NAME(_score_cap_gradient_f32)(ptrdiff_t m, ptrdiff_t n, const float *s, float *ds,
                                        float cap) {
  vf caps = v_set(cap);
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE, ds += HEED_SCORE_STRIDE) {
    HEED_EACH(n, {
      vf t = v_div(v_get(s + at, count), caps);
      v_put(ds + at, v_mul(v_get(ds + at, count), v_nfma(t, t, v_set(1))), count);
    });
  }
}

void HEED_NAME(_score_distance_f32)(ptrdiff_t m, ptrdiff_t n, float *s, const float *slope,
                                    const float *center) {
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE) {
    vf slopes = v_set(slope[i]), centers = v_set(center[i]);
    HEED_EACH(n, {
      vf distance = v_abs(v_sub(v_add(v_places(), v_set((float)at)), centers));
      v_put(s + at, v_fma(slopes, distance, v_get(s + at, count)), count);
    });
  }
}

// Places are compared as floats, which hold every place of a tile exactly.
void HEED_NAME(_score_range_f32)(ptrdiff_t m, ptrdiff_t n, float *s, const int32_t *low,
                                 const int32_t *high) {
  vf hidden = v_set(-INFINITY);
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE) {
    if (low[i] <= 0 && high[i] >= n) continue;
    vf first = v_set((float)low[i]), end = v_set((float)high[i]);
    HEED_EACH(n, {
      vf place = v_add(v_places(), v_set((float)at)), score = v_get(s + at, count);
      score = v_select(v_less(place, first), hidden, score);
      v_put(s + at, v_select(v_less(place, end), score, hidden), count);
    });
  }
}

void HEED_NAME(_score_mask_f32)(ptrdiff_t m, ptrdiff_t n, float *s, const uint8_t *mask,
                                ptrdiff_t stride) {
  vf hidden = v_set(-INFINITY);
  for (ptrdiff_t i = 0; i < m; i++, s += HEED_SCORE_STRIDE, mask += stride) {
    HEED_EACH(n, {
      int8_t visible[VL] = {0};
      memcpy(visible, mask + at, (size_t)count);
      vm outside = v_equal(v_load_i8(visible), v_set(0));
      v_put(s + at, v_select(outside, hidden, v_get(s + at, count)), count);
    });
  }
}
