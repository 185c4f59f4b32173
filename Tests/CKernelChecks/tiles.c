// Matrix tiles: against binary64; a row alone against the row with others; k in two against one.

#include "checks.h"

typedef struct {
  ptrdiff_t m, n, k;
  int rows, accumulate;
} problem;

enum { padding = 5 };

/// One call of the kernel that a problem means, from place (row, kk) of A on.
static void run(const heed_kernels *table, int bf16, problem p, const void *a, ptrdiff_t a_stride,
                const void *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride) {
  if (bf16 && p.rows) {
    table->tile_rows_bf16(p.m, p.n, p.k, a, b, b_stride, c, c_stride, p.accumulate);
  } else if (bf16) {
    table->tile_bf16(p.m, p.n, p.k, a, a_stride, b, b_stride, c, c_stride, p.accumulate);
  } else if (p.rows) {
    table->tile_rows_f32(p.m, p.n, p.k, a, b, b_stride, c, c_stride, p.accumulate);
  } else {
    table->tile_f32(p.m, p.n, p.k, a, a_stride, b, b_stride, c, c_stride, p.accumulate);
  }
}

static float half_of(uint32_t pair, int high) {
  uint32_t bits = high ? pair & 0xffff0000u : pair << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint32_t random_pair(void) {
  float low = number(), high = number();
  uint32_t a, b;
  memcpy(&a, &low, 4);
  memcpy(&b, &high, 4);
  return a >> 16 | (b & 0xffff0000u);
}

/// Error of c against binary64, in units of the bound k * 2^-24 * sum |a b| of any order of sums.
static void compare(finding *f, int bf16, problem p, const uint32_t *a, ptrdiff_t row_step,
                    ptrdiff_t k_step, const uint32_t *b, ptrdiff_t b_stride, const float *before,
                    const float *c, ptrdiff_t c_stride) {
  for (ptrdiff_t i = 0; i < p.m; i++) {
    for (ptrdiff_t j = 0; j < p.n; j++) {
      double sum = p.accumulate ? before[i * c_stride + j] : 0, size = fabs(sum);
      for (ptrdiff_t kk = 0; kk < p.k; kk++) {
        uint32_t x = a[i * row_step + kk * k_step], y = b[kk * b_stride + j];
        for (int half = 0; half <= bf16; half++) {
          float left, right;
          memcpy(&left, &x, 4);
          memcpy(&right, &y, 4);
          if (bf16) left = half_of(x, half), right = half_of(y, half);
          sum += (double)left * right;
          size += fabs((double)left * right);
        }
      }
      double unit = (double)(p.k * (1 + bf16) + 1) * 0x1p-24 * size;
      note(f, unit > 0 ? fabs(c[i * c_stride + j] - sum) / unit : 0, (double)p.k);
    }
  }
}

static void check(finding *f, const heed_kernels *table, int bf16, problem p) {
  ptrdiff_t a_stride = p.m + padding, b_stride = p.n + padding, c_stride = p.n + 3;
  int by_rows = p.rows || (bf16 && table->left_by_rows);
  if (by_rows) a_stride = p.rows ? HEED_SCORE_STRIDE >> bf16 : p.k + padding;
  ptrdiff_t row_step = by_rows ? a_stride : 1, k_step = by_rows ? 1 : a_stride;
  size_t a_size = (size_t)((p.m - 1) * row_step + (p.k - 1) * k_step + 1) * 4;
  size_t b_size = (size_t)((p.k - 1) * b_stride + p.n) * 4;
  size_t c_size = (size_t)((p.m - 1) * c_stride + p.n) * 4;
  uint32_t *a = guarded(a_size), *b = guarded(b_size);
  float *c = guarded(c_size), *other = guarded(c_size), *before = guarded(c_size);
  for (size_t i = 0; i < (a_size > b_size ? a_size : b_size) / 4; i++) {
    float x = number(), y = number();
    uint32_t pairs[2] = {random_pair(), random_pair()};
    if (i < a_size / 4) memcpy(&a[i], bf16 ? (void *)&pairs[0] : (void *)&x, 4);
    if (i < b_size / 4) memcpy(&b[i], bf16 ? (void *)&pairs[1] : (void *)&y, 4);
  }
  fill((ptrdiff_t)(c_size / 4), before);
  memcpy(c, before, c_size);
  memcpy(other, before, c_size);
  run(table, bf16, p, a, a_stride, b, b_stride, c, c_stride);
  compare(f, bf16, p, a, row_step, k_step, b, b_stride, before, c, c_stride);
  require(f, intact(c, c_size));
  for (ptrdiff_t i = 0; i + 1 < p.m; i++) {
    require(f, memcmp(c + i * c_stride + p.n, before + i * c_stride + p.n,
                      (size_t)(c_stride - p.n) * 4) == 0);
  }

  problem alone = p;
  alone.m = 1;
  for (ptrdiff_t i = 0; i < p.m; i++) {
    run(table, bf16, alone, a + i * row_step, a_stride, b, b_stride, other + i * c_stride,
        c_stride);
  }
  require(f, memcmp(c, other, c_size) == 0);

  memcpy(other, before, c_size);
  problem first = p, second = p;
  first.k = bf16 ? p.k / 3 / HEED_PAIR_GROUP * HEED_PAIR_GROUP : p.k / 3;
  second.k = p.k - first.k;
  second.accumulate = 1;
  run(table, bf16, first, a, a_stride, b, b_stride, other, c_stride);
  run(table, bf16, second, a + first.k * k_step, a_stride, b + first.k * b_stride, b_stride, other,
      c_stride);
  require(f, memcmp(c, other, c_size) == 0);
  if (bf16 && !p.accumulate) {
    // Zeros behind the last k change nothing.
    problem longer = p;
    longer.k += 1 + p.k % 5;
    if (p.rows && longer.k > HEED_SCORE_STRIDE / 2) longer.k = p.k;
    size_t wide_size = (size_t)(p.m - 1) * row_step * 4 + (size_t)longer.k * k_step * 4 + 64;
    uint32_t *wide = guarded(by_rows && !p.rows ? (size_t)(p.m * longer.k) * 4 : wide_size);
    uint32_t *deep = guarded((size_t)((longer.k - 1) * b_stride + p.n) * 4);
    ptrdiff_t wide_row = by_rows && !p.rows ? longer.k : row_step;
    for (ptrdiff_t i = 0; i < p.m; i++) {
      for (ptrdiff_t kk = 0; kk < longer.k; kk++) {
        wide[i * wide_row + kk * k_step] = kk < p.k ? a[i * row_step + kk * k_step] : 0;
      }
    }
    for (size_t i = 0; i < (size_t)((longer.k - 1) * b_stride + p.n); i++) {
      deep[i] = i < b_size / 4 ? b[i] : random_pair();
    }
    run(table, bf16, longer, wide, by_rows && !p.rows ? longer.k : a_stride, deep, b_stride, other, c_stride);
    require(f, memcmp(c, other, c_size) == 0);
    free(wide), free(deep);
  }
  free(a), free(b), free(c), free(other), free(before);
}

static void check_kernel(const heed_kernels *table, const char *name, int bf16, int rows) {
  finding f = begin(table, name, "of the bound of any order", 1);
  for (int m = 0; m < size_count; m++) {
    for (int n = 0; n < size_count; n++) {
      for (int k = 0; k < size_count; k++) {
        if (rows && sizes[k] > HEED_SCORE_STRIDE >> bf16) continue;
        if (m > 7 && n > 7 && k > 7) continue;  // the largest alone take most of the time
        problem p = {sizes[m], sizes[n], sizes[k], rows, (m + n + k) % 2};
        check(&f, table, bf16, p);
      }
    }
  }
  float untouched = 7, zeroed = 7;
  problem empty = {1, 1, 0, rows, 1};
  run(table, bf16, empty, &untouched, 1, &untouched, 1, &untouched, 1);
  empty.accumulate = 0;
  run(table, bf16, empty, &untouched, 1, &untouched, 1, &zeroed, 1);
  require(&f, untouched == 7 && zeroed == 0);
  finish(&f);
}

/// Panels: the bits of one tile after the other.
static void check_panels(const heed_kernels *table, const char *name, int bf16) {
  finding f = begin(table, name, "(the same bits)", 0);
  for (int at = 0; at < size_count * size_count * size_count; at++) {
    ptrdiff_t m = sizes[at % size_count], n = sizes[at / size_count % size_count];
    ptrdiff_t k = sizes[at / size_count / size_count], c_stride = n + 3;
    if (m > 17 && n > 64 && k > 17) continue;  // the largest alone take most of the time
    const int by_rows = bf16 && table->left_by_rows;
    ptrdiff_t panel_stride = k * HEED_PANEL + 16, panels = (n + HEED_PANEL - 1) / HEED_PANEL;
    size_t a_size = (size_t)(m * k) * 4, b_size = (size_t)(panels * panel_stride) * 4;
    size_t c_size = (size_t)((m - 1) * c_stride + n) * 4;
    uint32_t *a = guarded(a_size), *b = guarded(b_size);
    float *c = guarded(c_size), *other = guarded(c_size), *start = guarded(c_size);
    for (size_t i = 0; i < b_size / 4; i++) {
      float x = number();
      uint32_t pair = random_pair();
      memcpy(&b[i], bf16 ? (void *)&pair : (void *)&x, 4);
      if (i < a_size / 4) memcpy(&a[i], &b[i], 4);
    }
    for (size_t i = b_size / 4; i < a_size / 4; i++) a[i] = 0x3f003f00;
    fill((ptrdiff_t)(c_size / 4), c);
    memcpy(other, c, c_size);
    memcpy(start, c, c_size);
    int accumulate = at % 2;
    ptrdiff_t a_stride = by_rows ? k : m;
    if (bf16) {
      table->panels_bf16(m, n, k, a, a_stride, by_rows, b, panel_stride, c, c_stride, accumulate);
    } else {
      table->panels_f32(m, n, k, (float *)a, m, 0, (float *)b, panel_stride, c, c_stride,
                        accumulate);
    }
    for (ptrdiff_t j = 0; j < n; j += HEED_PANEL) {
      ptrdiff_t width = n - j < HEED_PANEL ? n - j : HEED_PANEL;
      uint32_t *panel = b + j / HEED_PANEL * panel_stride;
      if (bf16) {
        table->tile_bf16(m, width, k, a, a_stride, panel, HEED_PANEL, other + j, c_stride,
                         accumulate);
      } else {
        table->tile_f32(m, width, k, (float *)a, m, (float *)panel, HEED_PANEL, other + j,
                        c_stride, accumulate);
      }
    }
    require(&f, memcmp(c, other, c_size) == 0);
    require(&f, intact(c, c_size));
    // The same rows where each lies by itself.
    if (!by_rows) {
      uint32_t *rows = guarded((size_t)(m * (k + 2)) * 4);
      for (ptrdiff_t i = 0; i < m * k; i++) rows[i / k * (k + 2) + i % k] = a[i % k * m + i / k];
      memcpy(other, start, c_size);
      if (bf16) {
        table->panels_bf16(m, n, k, rows, k + 2, 1, b, panel_stride, other, c_stride, accumulate);
      } else {
        table->panels_f32(m, n, k, (float *)rows, k + 2, 1, (float *)b, panel_stride, other,
                          c_stride, accumulate);
      }
      require(&f, memcmp(c, other, c_size) == 0);
      require(&f, intact(rows, (size_t)(m * (k + 2)) * 4));
      free(rows);
    }
    free(start), free(a), free(b), free(c), free(other);
  }
  finish(&f);
}

void check_tiles(const heed_kernels *table) {
  check_panels(table, "panels_f32", 0);
  check_panels(table, "panels_bf16", 1);
  check_kernel(table, "tile_f32", 0, 0);
  check_kernel(table, "tile_rows_f32", 0, 1);
  check_kernel(table, "tile_bf16", 1, 0);
  check_kernel(table, "tile_rows_bf16", 1, 1);
}
