// Elementary functions and activations, the specification: computed in binary64 by the C library
// and rounded once.

#include <math.h>

#include "../variant.h"

void heed_generic_exp_f32(ptrdiff_t n, const float *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)exp((double)x[i]);
}

void heed_generic_tanh_f32(ptrdiff_t n, const float *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)tanh((double)x[i]);
}

void heed_generic_erf_f32(ptrdiff_t n, const float *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)erf((double)x[i]);
}

static const double sqrt_half = 0.70710678118654752440;
static const double inverse_sqrt_2pi = 0.39894228040143267794;
static const double sqrt_2_over_pi = 0.79788456080286535588;

static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

/// Cumulative normal distribution.
static double normal(double x) { return 0.5 * erfc(-x * sqrt_half); }

/// The argument of the sigmoid in the tanh form: (1 + tanh(u)) / 2 = sigmoid(2 u).
static double gelu_argument(double x) { return 2 * sqrt_2_over_pi * (x + 0.044715 * x * x * x); }

/// x * s(x) where s falls to 0: the limit at -inf is 0, not -inf * 0.
static double gated(double x, double s) { return s == 0 ? x < 0 ? -0.0 : 0 : x * s; }

static double activation(heed_activation kind, double x) {
  switch (kind) {
    case HEED_ACTIVATION_GELU_ERF: return gated(x, normal(x));
    case HEED_ACTIVATION_GELU_TANH: return gated(x, sigmoid(gelu_argument(x)));
    case HEED_ACTIVATION_SILU: return gated(x, sigmoid(x));
    case HEED_ACTIVATION_RELU: return x > 0 || x != x ? x : 0;
    case HEED_ACTIVATION_TANH: return tanh(x);
    case HEED_ACTIVATION_SIGMOID: return sigmoid(x);
    case HEED_ACTIVATION_QUICK_GELU: return gated(x, sigmoid(1.702 * x));
  }
  return x;
}

static double derivative(heed_activation kind, double x) {
  switch (kind) {
    case HEED_ACTIVATION_GELU_ERF:
      return normal(x) + gated(x, inverse_sqrt_2pi * exp(-0.5 * x * x));
    case HEED_ACTIVATION_GELU_TANH: {
      if (isinf(x)) return x > 0;
      double u = gelu_argument(x), slope = 2 * sqrt_2_over_pi * (1 + 3 * 0.044715 * x * x);
      return sigmoid(u) + gated(x, slope * sigmoid(u) * sigmoid(-u));
    }
    case HEED_ACTIVATION_SILU: return sigmoid(x) + gated(x, sigmoid(x) * sigmoid(-x));
    case HEED_ACTIVATION_RELU: return x > 0 || x != x ? x == x ? 1 : x : 0;
    case HEED_ACTIVATION_TANH: return 4 * sigmoid(2 * x) * sigmoid(-2 * x);
    case HEED_ACTIVATION_SIGMOID: return sigmoid(x) * sigmoid(-x);
    case HEED_ACTIVATION_QUICK_GELU: {
      double u = 1.702 * x;
      return sigmoid(u) + gated(u, sigmoid(u) * sigmoid(-u));
    }
  }
  return 1;
}

void heed_generic_activation_f32(heed_activation kind, ptrdiff_t n, const float *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)activation(kind, x[i]);
}

void heed_generic_activation_gradient_f32(heed_activation kind, ptrdiff_t n, const float *x,
                                          const float *dy, float *dx) {
  for (ptrdiff_t i = 0; i < n; i++) dx[i] = (float)(dy[i] * derivative(kind, x[i]));
}
