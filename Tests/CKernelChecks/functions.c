// Functions of one float, at every stride-th bit pattern, against the C library in binary64.

#include "checks.h"

enum { batch = 4099 };

static float at_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// NaNs are one value here: their payloads are the processor's affair.
static void digest_floats(ptrdiff_t n, const float *y) {
  for (ptrdiff_t i = 0; i < n; i++) {
    float value = isnan(y[i]) ? 0 : y[i];
    digest(&value, sizeof value);
  }
}

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

/// x s(x) where s falls to 0 faster than x grows.
static double gated(double x, double s) { return s == 0 ? 0 : x * s; }

static double activation(int kind, double x) {
  switch (kind) {
    case HEED_ACTIVATION_GELU_ERF: return gated(x, 0.5 * erfc(-x * sqrt(0.5)));
    case HEED_ACTIVATION_GELU_TANH:
      return gated(x, sigmoid(2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case HEED_ACTIVATION_SILU: return gated(x, sigmoid(x));
    case HEED_ACTIVATION_RELU: return x > 0 || isnan(x) ? x : 0;
    case HEED_ACTIVATION_TANH: return tanh(x);
    case HEED_ACTIVATION_SIGMOID: return sigmoid(x);
    default: return gated(x, sigmoid(1.702 * x));
  }
}

/// Values at which the slopes are tried: past these all are 0 or 1.
static double slope(int kind, double x) {
  double h = 1e-5 * fmax(1, fabs(x));
  if (kind == HEED_ACTIVATION_RELU) return x > 0;
  // Fourth order: the error is under 1e-10 on [-20, 20].
  return (8 * (activation(kind, x + h) - activation(kind, x - h)) -
          (activation(kind, x + 2 * h) - activation(kind, x - 2 * h))) / (12 * h);
}

typedef double reference(double x);
typedef void kernel(ptrdiff_t n, const float *x, float *y);

static void sweep(const heed_kernels *table, const char *name, double bound, uint32_t stride,
                  kernel *function, reference *truth) {
  static float x[batch], y[batch];
  finding f = begin(table, name, "ulp", bound);
  uint64_t bits = 0;
  while (bits <= 0xffffffffu) {
    ptrdiff_t n = 0;
    for (; n < batch && bits <= 0xffffffffu; n++, bits += stride) x[n] = at_bits((uint32_t)bits);
    function(n, x, y);
    digest_floats(n, y);
    for (ptrdiff_t i = 0; i < n; i++) {
      double exact = truth(x[i]);
      note(&f, ulps(y[i], exact), x[i]);
      if (exact == 0 && y[i] == 0) require(&f, !signbit(exact) == !signbit(y[i]));
    }
  }
  static const float special[] = {0.0f, -0.0f, 1e-45f, -1e-45f, INFINITY, -INFINITY, NAN,
                                  88.72284f, -87.33655f, -103.97208f, 0.625f, 0.95f, 3.95f};
  ptrdiff_t count = sizeof special / sizeof special[0];
  function(count, special, y);
  for (ptrdiff_t i = 0; i < count; i++) {
    note(&f, ulps(y[i], truth(special[i])), special[i]);
    if (truth(special[i]) == 0) require(&f, !signbit(y[i]) == !signbit(truth(special[i])));
  }
  for (int i = 0; i < size_count; i++) {
    float whole[256], *part = guarded((size_t)sizes[i] * 4);
    function(sizes[i], x, part);
    function(256, x, whole);
    require(&f, memcmp(whole, part, (size_t)sizes[i] * 4) == 0);
    require(&f, intact(part, (size_t)sizes[i] * 4));
    free(part);
  }
  finish(&f);
}

static const char *names[] = {"gelu_erf", "gelu_tanh", "silu", "relu",
                              "tanh",     "sigmoid",   "quick_gelu"};

static void check_activation(const heed_kernels *table, int kind, uint32_t stride) {
  static float x[batch], y[batch], dy[batch];
  char name[64];
  // Absolute where the function is under 2^-4 in size, where gates close: e^u multiplies the
  // relative error of its argument by u there.
  snprintf(name, sizeof name, "activation %s", names[kind]);
  finding f = begin(table, name, "2^-24 of max(|f|, 2^-4)", 8);
  uint64_t bits = 0;
  while (bits <= 0xffffffffu) {
    ptrdiff_t n = 0;
    for (; n < batch && bits <= 0xffffffffu; n++, bits += stride) x[n] = at_bits((uint32_t)bits);
    table->activation_f32((heed_activation)kind, n, x, y);
    digest_floats(n, y);
    for (ptrdiff_t i = 0; i < n; i++) {
      double exact = activation(kind, x[i]);
      if (isnan(exact) || isinf(exact)) {
        require(&f, isnan(exact) ? isnan(y[i]) : y[i] == (float)exact);
        continue;
      }
      note(&f, fabs(y[i] - exact) / (0x1p-24 * fmax(fabs(exact), 0x1p-4)), x[i]);
    }
  }
  finish(&f);

  snprintf(name, sizeof name, "slope %s", names[kind]);
  f = begin(table, name, "2^-24", 10);
  for (int part = 0; part < 64; part++) {
    for (int i = 0; i < batch; i++) x[i] = 20 * number(), dy[i] = number();
    table->activation_gradient_f32((heed_activation)kind, batch, x, dy, y);
    digest_floats(batch, y);
    for (int i = 0; i < batch; i++) {
      note(&f, fabs(y[i] - dy[i] * slope(kind, x[i])) / 0x1p-24, x[i]);
    }
  }
  static const float far[] = {INFINITY, -INFINITY, 1e38f, -1e38f, 100, -100, NAN, 0, -0.0f};
  static const float ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  int closes = kind == HEED_ACTIVATION_TANH || kind == HEED_ACTIVATION_SIGMOID;
  table->activation_gradient_f32((heed_activation)kind, 9, far, ones, y);
  for (int i = 0; i < 6; i++) {
    float limit = i % 2 == 0 && !closes ? 1 : 0;
    require(&f, fabsf(y[i] - limit) < 1e-37f);
  }
  require(&f, isnan(y[6]) && y[7] == y[8]);
  finish(&f);
}

void check_functions(const heed_kernels *table, uint32_t stride) {
  sweep(table, "exp_f32", 1, stride, table->exp_f32, exp);
  sweep(table, "tanh_f32", 2, stride, table->tanh_f32, tanh);
  sweep(table, "erf_f32", 2, stride, table->erf_f32, erf);
  for (int kind = 0; kind < 7; kind++) check_activation(table, kind, stride);
}
