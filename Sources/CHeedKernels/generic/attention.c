// The online softmax on score tiles, the specification.
//
// Milakov & Gimelshein 2018, arXiv 1805.02867: a running maximum M and a running sum, and the
// factor 2^(M_old - M_new) by which everything summed so far has to be corrected.

#include <math.h>

#include "../variant.h"
#include "scalar.h"

/// One past the last column that a step writes: n rounded up to 32.
static ptrdiff_t padded(ptrdiff_t n) { return (n + 31) / 32 * 32; }

/// The new maximum of row i, and the correction for it.
static float advance_maximum(ptrdiff_t n, const float *row, float factor, float *row_max,
                             float *correction) {
  float maximum = *row_max;
  for (ptrdiff_t j = 0; j < n; j++) {
    if (row[j] * factor > maximum) maximum = row[j] * factor;
  }
  *correction = maximum == *row_max ? 1 : (float)exp2((double)*row_max - (double)maximum);
  *row_max = maximum;
  return maximum;
}

/// 2^(x * factor - maximum). A row that has seen nothing has the maximum -inf and is measured
/// against 0, so that hidden scores give 0 and a NaN stays one. Weights that would be denormal are 0.
static float weight(float x, float factor, float maximum) {
  double exponent = (double)x * factor - (maximum == -INFINITY ? 0 : maximum);
  return exponent < -126 ? 0 : (float)exp2(exponent);
}

void heed_generic_softmax_step_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor,
                                   float *row_max, float *row_sum, float *correction) {
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    float maximum = advance_maximum(n, row, factor, &row_max[i], &correction[i]);
    double sum = (double)row_sum[i] * correction[i];
    for (ptrdiff_t j = 0; j < n; j++) {
      row[j] = weight(row[j], factor, maximum);
      sum += row[j];
    }
    row_sum[i] = (float)sum;
    for (ptrdiff_t j = n; j < padded(n); j++) row[j] = 0;
  }
}

void heed_generic_softmax_step_bf16(ptrdiff_t m, ptrdiff_t n, float *s, uint32_t *p, float factor,
                                    float *row_max, float *row_sum, float *correction) {
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    uint32_t *pairs = p + i * (HEED_SCORE_STRIDE / 2);
    float maximum = advance_maximum(n, row, factor, &row_max[i], &correction[i]);
    double sum = (double)row_sum[i] * correction[i];
    for (ptrdiff_t j = 0; j < n; j++) {
      row[j] = weight(row[j], factor, maximum);
      sum += heed_f32_of_bf16(heed_bf16_of_f32(row[j]));
    }
    row_sum[i] = (float)sum;
    for (ptrdiff_t j = n; j < padded(n); j++) row[j] = 0;
    for (ptrdiff_t j = 0; j < padded(n); j += 2) pairs[j / 2] = heed_pair(row[j], row[j + 1]);
  }
}

void heed_generic_softmax_weights_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor,
                                      const float *lse) {
  for (ptrdiff_t i = 0; i < m; i++) {
    float *row = s + i * HEED_SCORE_STRIDE;
    for (ptrdiff_t j = 0; j < n; j++) {
      row[j] = lse[i] == -INFINITY ? 0 : weight(row[j], factor, lse[i]);
    }
  }
}

void heed_generic_softmax_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *p, float *dp,
                                       float scale, const float *delta) {
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      ptrdiff_t at = i * HEED_SCORE_STRIDE + j;
      dp[at] = p[at] == 0 ? 0 : p[at] * (dp[at] - delta[i]) * scale;
    }
  }
}

/// Column j of a row, zeros past its end and in a row that is missing.
static float within(const float *row, ptrdiff_t n, ptrdiff_t j) {
  return row && j < n ? row[j] : 0;
}

void heed_generic_tile_to_pairs(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                                uint32_t *by_columns) {
  ptrdiff_t written = (n + 15) / 16 * 16;
  for (ptrdiff_t i = 0; by_rows && i < m; i++) {
    const float *row = s + i * HEED_SCORE_STRIDE;
    uint32_t *pairs = by_rows + i * (HEED_SCORE_STRIDE / 2);
    for (ptrdiff_t j = 0; j < written; j += 2) {
      pairs[j / 2] = heed_pair(within(row, n, j), within(row, n, j + 1));
    }
  }
  for (ptrdiff_t i = 0; by_columns && i < m; i += 2) {
    const float *row = s + i * HEED_SCORE_STRIDE;
    const float *next = i + 1 < m ? row + HEED_SCORE_STRIDE : NULL;
    uint32_t *pairs = by_columns + i / 2 * HEED_SCORE_STRIDE;
    for (ptrdiff_t j = 0; j < written; j++) {
      pairs[j] = heed_pair(within(row, n, j), within(next, n, j));
    }
  }
}
