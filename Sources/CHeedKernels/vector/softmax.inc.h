// The online softmax on score tiles (Milakov & Gimelshein 2018, arXiv 1805.02867), in powers of
// two: one multiplication by log2(e) is in the factor, and 2^t needs no reduction by a logarithm.

/// 2^t, 0 where that would be denormal: such weights add nothing that is seen, and many processors
/// take a hundred cycles for each product with one.
HEED_INLINE vf HEED_NAME(_weight)(vf t) {
  return v_select(v_less(t, v_set(-126.0f)), v_set(0), v_exp2(t));
}

/// New running maxima into row_max, and into correction what they change about older sums.
HEED_INLINE void HEED_NAME(_advance)(ptrdiff_t m, ptrdiff_t n, const float *s, float factor,
                                     float *row_max, float *correction) {
  vf factors = v_set(factor);
  for (ptrdiff_t i = 0; i < m; i++) {
    const float *row = s + i * HEED_SCORE_STRIDE;
    vf largest = v_set(row_max[i]);
    ptrdiff_t whole = n / VL * VL;
    for (ptrdiff_t at = 0; at < whole; at += VL) {
      largest = v_max(v_mul(v_load(row + at), factors), largest);
    }
    float maximum = v_fold_max(largest);
    for (ptrdiff_t at = whole; at < n; at++) {
      float score = row[at] * factor;
      maximum = score > maximum ? score : maximum;
    }
    correction[i] = row_max[i];
    row_max[i] = maximum;
  }
  HEED_EACH(m, {
    vf before = v_get(correction + at, count), after = v_get(row_max + at, count);
    vf change = v_exp2(v_sub(before, after));
    v_put(correction + at, v_select(v_equal(before, after), v_set(1), change), count);
  });
}

/// A row that has seen nothing (-inf) is measured against 0, so that its weights are 0, not NaN.
HEED_INLINE vf HEED_NAME(_below)(float maximum) {
  return v_set(maximum == -INFINITY ? 0 : -maximum);
}
