// Vectors, sums and the optimiser's step, the specification.

#include <math.h>

#include "../variant.h"

void heed_generic_scale_rows_f32(ptrdiff_t m, ptrdiff_t n, float *c, ptrdiff_t stride,
                                 const float *factor) {
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) c[i * stride + j] *= factor[i];
  }
}

void heed_generic_add_f32(ptrdiff_t n, const float *x, const float *y, float *z) {
  for (ptrdiff_t i = 0; i < n; i++) z[i] = x[i] + y[i];
}

void heed_generic_multiply_f32(ptrdiff_t n, const float *x, const float *y, float *z) {
  for (ptrdiff_t i = 0; i < n; i++) z[i] = x[i] * y[i];
}

void heed_generic_add_scaled_f32(ptrdiff_t n, float factor, const float *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] += factor * x[i];
}

enum { lanes = 64 };

/// Adds the upper half of the lanes to the lower, until one is left.
static double folded(double *lane) {
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  }
  return lane[0];
}

double heed_generic_sum_f32(ptrdiff_t n, const float *x) {
  double lane[lanes] = {0};
  for (ptrdiff_t i = 0; i < n; i++) lane[i % lanes] += x[i];
  return folded(lane);
}

double heed_generic_sum_of_squares_f32(ptrdiff_t n, const float *x) {
  double lane[lanes] = {0};
  for (ptrdiff_t i = 0; i < n; i++) lane[i % lanes] += (double)x[i] * x[i];
  return folded(lane);
}

float heed_generic_max_f32(ptrdiff_t n, const float *x) {
  float largest = -INFINITY;
  for (ptrdiff_t i = 0; i < n; i++) {
    float value = x[i] == x[i] ? x[i] : INFINITY;
    if (value > largest) largest = value;
  }
  return largest;
}

float heed_generic_dot_f32(ptrdiff_t n, const float *x, const float *y) {
  float lane[lanes] = {0};
  for (ptrdiff_t i = 0; i < n; i++) lane[i % lanes] += x[i] * y[i];
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  }
  return lane[0];
}

// Loshchilov & Hutter 2017, arXiv 1711.05101.
void heed_generic_adamw_f32(ptrdiff_t n, float *w, const float *g, float *m, float *v,
                            float gradient_scale, float beta1, float beta2, float step_size,
                            float v_correction, float epsilon, float decay_factor) {
  for (ptrdiff_t i = 0; i < n; i++) {
    float gradient = g[i] * gradient_scale;
    m[i] = beta1 * m[i] + (1 - beta1) * gradient;
    v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    w[i] = w[i] * decay_factor - step_size * m[i] / (sqrtf(v[i]) * v_correction + epsilon);
  }
}

double heed_generic_peak_f32(int64_t iterations) {
  float a[8] = {0}, factor = 0.999f;
  for (int64_t i = 0; i < iterations; i++) {
    for (int j = 0; j < 8; j++) a[j] = a[j] * factor + factor;
  }
  volatile float sink = 0;
  for (int j = 0; j < 8; j++) sink = sink + a[j];
  return 16.0 * (double)iterations;
}
