// Vectors, sums, the optimiser's step and conversions.

#include "checks.h"

enum { longest = 1000 };
static const ptrdiff_t lengths[] = {0, 1, 2, 3, 7, 13, 16, 17, 63, 64, 65, 130, 191, 1000};
enum { length_count = sizeof lengths / sizeof lengths[0] };

typedef struct {
  float x[longest + 32], y[longest + 32], z[longest + 32], w[longest + 32];
} arrays;

typedef double vector_call(const heed_kernels *t, ptrdiff_t n, arrays *a);

static double add(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  t->add_f32(n, a->x, a->y, a->z);
  return 0;
}
static double multiply(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  t->multiply_f32(n, a->x, a->y, a->z);
  return 0;
}
static double add_scaled(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  t->add_scaled_f32(n, 0.3f, a->x, a->y);
  return 0;
}
static double sum(const heed_kernels *t, ptrdiff_t n, arrays *a) { return t->sum_f32(n, a->x); }
static double squares(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  return t->sum_of_squares_f32(n, a->x);
}
static double largest(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  for (int i = 0; i < longest; i++) a->y[i] = -fabsf(a->y[i]) - 1;
  double most = t->max_f32(n, a->x) + (n > 0 ? t->max_f32(n, a->y) : 0);
  if (n > 2) a->x[n / 2] = NAN;
  double infinite = t->max_f32(n, a->x) == INFINITY;
  if (n > 2) a->x[n / 2] = 0;
  return n > 0 ? most + 1e3 * infinite : 0;
}
static double dot(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  return t->dot_f32(n, a->x, a->y);
}
static double adamw(const heed_kernels *t, ptrdiff_t n, arrays *a) {
  for (int i = 0; i < longest; i++) a->z[i] = fabsf(a->z[i]);
  t->adamw_f32(n, a->w, a->x, a->y, a->z, 0.5f, 0.9f, 0.99f, 1e-2f, 1.25f, 1e-6f, 0.999f);
  return 0;
}

static void check(const heed_kernels *table, const char *name, double bound, vector_call *call) {
  static arrays fast, slow;
  const heed_kernels *plain = heed_kernels_select("generic");
  finding f = begin(table, name, "absolute", bound);
  for (int l = 0; l < length_count; l++) {
    fill(sizeof fast / sizeof(float), fast.x);
    slow = fast;
    double x = call(table, lengths[l], &fast), y = call(plain, lengths[l], &slow);
    note(&f, fabs(x - y), (double)lengths[l]);
    const float *p = fast.x, *q = slow.x;
    digest(&fast, sizeof fast);
    digest(&x, sizeof x);
    for (size_t i = 0; i < sizeof fast / sizeof(float); i++) {
      note(&f, fabs((double)p[i] - q[i]), p[i]);
    }
  }
  finish(&f);
}

void check_vectors(const heed_kernels *table) {
  check(table, "add_f32", 0, add);
  check(table, "multiply_f32", 0, multiply);
  check(table, "add_scaled_f32", 1.2e-7, add_scaled);
  check(table, "sum_f32", 0, sum);
  check(table, "sum_of_squares_f32", 0, squares);
  check(table, "max_f32", 0, largest);
  check(table, "dot_f32", 5e-6, dot);
  check(table, "adamw_f32", 3e-7, adamw);
}

void check_conversions(const heed_kernels *table, uint32_t stride) {
  enum { batch = 4099 };
  static uint32_t bits[batch];
  static float x[batch], back[batch], plain_back[batch];
  static uint16_t y[batch], z[batch];
  const heed_kernels *plain = heed_kernels_select("generic");
  finding bf16 = begin(table, "bf16_from_f32", "(the same bits)", 0);
  finding f16 = begin(table, "f16_from_f32", "(the same bits)", 0);
  for (uint64_t next = 0; next <= 0xffffffffu;) {
    ptrdiff_t n = 0;
    for (; n < batch && next <= 0xffffffffu; n++, next += stride) bits[n] = (uint32_t)next;
    memcpy(x, bits, sizeof x);
    table->bf16_from_f32(n, x, y);
    plain->bf16_from_f32(n, x, z);
    require(&bf16, memcmp(y, z, (size_t)n * 2) == 0);
    table->f16_from_f32(n, x, y);
    plain->f16_from_f32(n, x, z);
    require(&f16, memcmp(y, z, (size_t)n * 2) == 0);
  }
  finish(&bf16);
  finish(&f16);

  bf16 = begin(table, "f32_from_bf16", "(the same bits)", 0);
  f16 = begin(table, "f32_from_f16", "(the same bits)", 0);
  for (uint32_t next = 0; next < 65536;) {
    ptrdiff_t n = 0;
    for (; n < batch && next < 65536; n++, next++) y[n] = (uint16_t)next;
    table->f32_from_bf16(n, y, back);
    plain->f32_from_bf16(n, y, plain_back);
    require(&bf16, memcmp(back, plain_back, (size_t)n * 4) == 0);
    table->f32_from_f16(n, y, back);
    plain->f32_from_f16(n, y, plain_back);
    require(&f16, memcmp(back, plain_back, (size_t)n * 4) == 0);
    table->f16_from_f32(n, back, z);
    for (ptrdiff_t i = 0; i < n; i++) require(&f16, z[i] == y[i] || isnan(back[i]));
  }
  finish(&bf16);
  finish(&f16);

  finding quantized = begin(table, "quantize_row_i8", "(the same bits)", 0);
  for (int l = 0; l < length_count; l++) {
    for (int kind = 0; kind < 4; kind++) {
      ptrdiff_t n = lengths[l];
      int8_t *a = guarded((size_t)n), *b = guarded((size_t)n);
      static const float sizes_of[] = {1, 0, 1e-44f, 3e38f};
      for (ptrdiff_t i = 0; i < n; i++) x[i] = number() * sizes_of[kind];
      float scale = table->quantize_row_i8(n, x, a);
      require(&quantized, scale == plain->quantize_row_i8(n, x, b));
      require(&quantized, memcmp(a, b, (size_t)n) == 0 && intact(a, (size_t)n));
      table->dequantize_row_i8(n, a, scale, back);
      plain->dequantize_row_i8(n, a, scale, plain_back);
      require(&quantized, memcmp(back, plain_back, (size_t)n * 4) == 0);
      free(a), free(b);
    }
  }
  finish(&quantized);
}
