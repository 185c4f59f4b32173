// Softmax and norms over the last axis, the specification: sums in binary64.

#include <math.h>

#include "../variant.h"

void heed_generic_softmax_rows_f32(ptrdiff_t rows, ptrdiff_t n, const float *x, float *y) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, y += n) {
    float maximum = -INFINITY;
    for (ptrdiff_t j = 0; j < n; j++) {
      if (x[j] > maximum) maximum = x[j];
    }
    double sum = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
      double shift = maximum == -INFINITY ? 0 : maximum;
      y[j] = (float)exp(x[j] - shift);
      sum += y[j];
    }
    double factor = sum == 0 ? 0 : 1 / sum;
    for (ptrdiff_t j = 0; j < n; j++) y[j] = (float)(y[j] * factor);
  }
}

void heed_generic_layer_norm_f32(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,
                                 const float *bias, float epsilon, float *y, float *mean,
                                 float *inverse) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, y += n) {
    double sum = 0, squares = 0;
    for (ptrdiff_t j = 0; j < n; j++) sum += x[j];
    double center = sum / (double)n;
    for (ptrdiff_t j = 0; j < n; j++) squares += (x[j] - center) * (x[j] - center);
    double factor = 1 / sqrt(squares / (double)n + epsilon);
    for (ptrdiff_t j = 0; j < n; j++) {
      double value = (x[j] - center) * factor;
      y[j] = (float)(value * (gain ? gain[j] : 1) + (bias ? bias[j] : 0));
    }
    if (mean) mean[row] = (float)center;
    if (inverse) inverse[row] = (float)factor;
  }
}

// With h = (x - mean) * inverse and g = dy * gain: dx = inverse * (g - mean(g) - h * mean(g h)).
void heed_generic_layer_norm_gradient_f32(ptrdiff_t rows, ptrdiff_t n, const float *x,
                                          const float *dy, const float *gain, const float *mean,
                                          const float *inverse, float *dx, float *dgain,
                                          float *dbias) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, dy += n, dx += n) {
    double center = mean[row], factor = inverse[row], sum = 0, product = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
      double g = (double)dy[j] * (gain ? gain[j] : 1);
      sum += g;
      product += g * (x[j] - center) * factor;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
      double h = (x[j] - center) * factor, g = (double)dy[j] * (gain ? gain[j] : 1);
      if (dgain) dgain[j] = (float)(dgain[j] + dy[j] * h);
      if (dbias) dbias[j] += dy[j];
      dx[j] = (float)(factor * (g - (sum + h * product) / (double)n));
    }
  }
}

void heed_generic_rms_norm_f32(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,
                               float gain_offset, float epsilon, float *y, float *inverse) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, y += n) {
    double squares = 0;
    for (ptrdiff_t j = 0; j < n; j++) squares += (double)x[j] * x[j];
    double factor = 1 / sqrt(squares / (double)n + epsilon);
    for (ptrdiff_t j = 0; j < n; j++) {
      y[j] = (float)(x[j] * factor * (gain ? (double)gain[j] + gain_offset : 1));
    }
    if (inverse) inverse[row] = (float)factor;
  }
}

// With h = x * inverse and g = dy * gain: dx = inverse * (g - h * mean(g h)).
void heed_generic_rms_norm_gradient_f32(ptrdiff_t rows, ptrdiff_t n, const float *x,
                                        const float *dy, const float *gain, float gain_offset,
                                        const float *inverse, float *dx, float *dgain) {
  for (ptrdiff_t row = 0; row < rows; row++, x += n, dy += n, dx += n) {
    double factor = inverse[row], product = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
      product += dy[j] * (gain ? (double)gain[j] + gain_offset : 1) * x[j] * factor;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
      double h = x[j] * factor, g = dy[j] * (gain ? (double)gain[j] + gain_offset : 1);
      if (dgain) dgain[j] = (float)(dgain[j] + dy[j] * h);
      dx[j] = (float)(factor * (g - h * product / (double)n));
    }
  }
}
