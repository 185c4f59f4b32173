// Softmax and norms: against the plain kernels, whose sums are in binary64.

#include "checks.h"

enum { row_count = 3 };
static const ptrdiff_t widths[] = {1, 2, 3, 7, 13, 16, 17, 64, 65, 130, 1000};
enum { width_count = sizeof widths / sizeof widths[0] };

static void difference(finding *f, ptrdiff_t n, const float *x, const float *y, double scale) {
  for (ptrdiff_t i = 0; i < n; i++) note(f, fabs((double)x[i] - y[i]) / scale, (double)n);
}

static void check_softmax(const heed_kernels *table) {
  const heed_kernels *plain = heed_kernels_select("generic");
  finding f = begin(table, "softmax_rows_f32", "absolute", 5e-7);
  for (int w = 0; w < width_count; w++) {
    ptrdiff_t n = widths[w], all = n * row_count;
    size_t bytes = (size_t)all * 4;
    float *x = guarded(bytes), *y = guarded(bytes), *z = guarded(bytes);
    for (ptrdiff_t i = 0; i < all; i++) {
      x[i] = i >= 2 * n || number() < -0.9f ? -INFINITY : 90 * number();
    }
    table->softmax_rows_f32(row_count, n, x, y);
    plain->softmax_rows_f32(row_count, n, x, z);
    difference(&f, all, y, z, 1);
    digest(y, bytes);
    require(&f, intact(y, bytes));
    for (ptrdiff_t i = 2 * n; i < all; i++) require(&f, y[i] == 0);
    table->softmax_rows_f32(row_count, n, x, x);
    require(&f, memcmp(x, y, bytes) == 0);
    free(x), free(y), free(z);
  }
  finish(&f);
}

typedef struct {
  float *x, *dy, *gain, *bias, *y, *mean, *inverse, *dx, *dgain, *dbias;
} norm;

static norm make(ptrdiff_t n, float offset) {
  norm v;
  float **fields[] = {&v.x, &v.dy, &v.gain, &v.bias, &v.y, &v.mean, &v.inverse, &v.dx, &v.dgain,
                      &v.dbias};
  for (int i = 0; i < 10; i++) {
    *fields[i] = guarded((size_t)(n * row_count) * 4);
    fill(n * row_count, *fields[i]);
  }
  for (ptrdiff_t i = 0; i < n * row_count; i++) v.x[i] += offset;
  return v;
}

static void compare_and_free(finding *f, ptrdiff_t n, norm a, norm b) {
  size_t bytes = (size_t)(n * row_count) * 4;
  float *x[] = {a.x, a.dy, a.gain, a.bias, a.y, a.mean, a.inverse, a.dx, a.dgain, a.dbias};
  float *y[] = {b.x, b.dy, b.gain, b.bias, b.y, b.mean, b.inverse, b.dx, b.dgain, b.dbias};
  for (int i = 0; i < 10; i++) {
    double scale = 1;
    for (ptrdiff_t j = 0; j < n * row_count; j++) scale = fmax(scale, fabs(y[i][j]));
    difference(f, n * row_count, x[i], y[i], scale);
    digest(x[i], bytes);
    require(f, intact(x[i], bytes));
    free(x[i]), free(y[i]);
  }
}

static void check_norms(const heed_kernels *table) {
  const heed_kernels *plain = heed_kernels_select("generic");
  const heed_kernels *both[] = {table, plain};
  const char *names[] = {"layer_norm_f32", "layer_norm_gradient_f32", "rms_norm_f32",
                         "rms_norm_gradient_f32"};
  for (int kind = 0; kind < 4; kind++) {
    finding f = begin(table, names[kind], "of the largest", 4e-6);
    for (int w = 0; w < width_count; w++) {
      for (int bare = 0; bare < 2; bare++) {
        ptrdiff_t n = widths[w];
        norm made[2];
        for (int which = 0; which < 2; which++) {
          restart();  // the same numbers for both
          norm v = made[which] = make(n, 3);
          const float *gain = bare ? NULL : v.gain, *bias = bare ? NULL : v.bias;
          float *dgain = bare ? NULL : v.dgain, *dbias = bare ? NULL : v.dbias;
          float *mean = bare ? NULL : v.mean, *inverse = bare ? NULL : v.inverse;
          const heed_kernels *t = both[which];
          if (kind == 0) {
            t->layer_norm_f32(row_count, n, v.x, gain, bias, 1e-2f, v.y, mean, inverse);
          } else if (kind == 1) {
            plain->layer_norm_f32(row_count, n, v.x, gain, bias, 1e-2f, v.y, v.mean, v.inverse);
            t->layer_norm_gradient_f32(row_count, n, v.x, v.dy, gain, v.mean, v.inverse, v.dx,
                                       dgain, dbias);
          } else if (kind == 2) {
            t->rms_norm_f32(row_count, n, v.x, gain, 0.5f, 1e-2f, v.y, inverse);
          } else {
            plain->rms_norm_f32(row_count, n, v.x, gain, 0.5f, 1e-2f, v.y, v.inverse);
            t->rms_norm_gradient_f32(row_count, n, v.x, v.dy, gain, 0.5f, v.inverse, v.dx, dgain);
          }
        }
        compare_and_free(&f, n, made[0], made[1]);
      }
    }
    finish(&f);
  }
}

void check_rows(const heed_kernels *table) {
  check_softmax(table);
  check_norms(table);
}
