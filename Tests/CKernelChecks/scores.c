// Score tiles: the softmax steps and what is done between the products, against the plain kernels.

#include "checks.h"

enum { stride = HEED_SCORE_STRIDE, most = 17 };

static const ptrdiff_t rows[] = {1, 2, 3, 7, 16, 17};
static const ptrdiff_t columns[] = {1, 2, 3, 7, 13, 16, 17, 31, 32, 33, 63, 64, 65, 96, 127, 128};
enum { row_counts = sizeof rows / sizeof rows[0] };
enum { column_counts = sizeof columns / sizeof columns[0] };

typedef struct {
  float s[most * stride], max[most], sum[most], correction[most];
  uint32_t pairs[most * stride / 2], turned[most * stride];
} tile;

/// Scores with hidden keys, a hidden row, and rows that have and have not seen keys before.
static void prepare(tile *t, ptrdiff_t n) {
  memset(t, 0x5a, sizeof *t);
  for (int i = 0; i < most; i++) {
    for (int j = 0; j < stride; j++) {
      float x = 20 * number();
      t->s[i * stride + j] = i == 2 || number() < -0.8f ? -INFINITY : x;
    }
    for (ptrdiff_t j = n; j < stride; j++) t->s[i * stride + j] = NAN;
    t->max[i] = i % 3 == 1 ? 3 * number() : -INFINITY;
    t->sum[i] = i % 3 == 1 ? 2 : 0;
  }
}

static double relative(float value, float reference) {
  if (value == reference) return 0;
  return fabs((double)value - reference) / (fabs((double)reference) + 1e-30);
}

static void check_step(const heed_kernels *table) {
  static tile fast, slow;
  const heed_kernels *plain = heed_kernels_select("generic");
  finding f = begin(table, "softmax_step_f32", "relative", 2e-6);
  for (int a = 0; a < row_counts; a++) {
    for (int b = 0; b < column_counts; b++) {
      ptrdiff_t m = rows[a], n = columns[b], padded = (n + 31) / 32 * 32;
      prepare(&fast, n);
      slow = fast;
      table->softmax_step_f32(m, n, fast.s, 0.7f, fast.max, fast.sum, fast.correction);
      plain->softmax_step_f32(m, n, slow.s, 0.7f, slow.max, slow.sum, slow.correction);
      require(&f, memcmp(fast.max, slow.max, sizeof fast.max) == 0);
      for (ptrdiff_t i = 0; i < most; i++) {
        for (ptrdiff_t j = 0; j < (i < m ? padded : 0); j++) {
          // Weights far below the largest count for nothing; their error is relative all the same.
          note(&f, relative(fast.s[i * stride + j], slow.s[i * stride + j]), (double)n);
        }
        ptrdiff_t rest = i < m ? padded : 0;
        require(&f, memcmp(fast.s + i * stride + rest, slow.s + i * stride + rest,
                           (size_t)(stride - rest) * 4) == 0);
        note(&f, relative(fast.sum[i], slow.sum[i]), (double)n);
        note(&f, relative(fast.correction[i], slow.correction[i]), (double)n);
      }
    }
  }
  finish(&f);

  // A NaN is not hidden, neither among numbers nor alone.
  f = begin(table, "softmax_step_f32 of a NaN", "(kept)", 0);
  for (int alone = 0; alone < 2; alone++) {
    prepare(&fast, 33);
    for (int j = 0; j < 33; j++) fast.s[j] = j == 7 ? NAN : alone ? -INFINITY : (float)j;
    table->softmax_step_f32(1, 33, fast.s, 0.7f, fast.max, fast.sum, fast.correction);
    require(&f, isnan(fast.s[7]) && isnan(fast.sum[0]));
  }
  finish(&f);

  // A rounding to bf16 may fall to the other side, half a unit of 2^-8 away.
  f = begin(table, "softmax_step_bf16", "relative", 0x1.1p-7);
  for (int a = 0; a < row_counts; a++) {
    for (int b = 0; b < column_counts; b++) {
      ptrdiff_t m = rows[a], n = columns[b], words = (n + 31) / 32 * 16;
      prepare(&fast, n);
      slow = fast;
      table->softmax_step_bf16(m, n, fast.s, fast.pairs, 0.7f, fast.max, fast.sum,
                               fast.correction);
      plain->softmax_step_bf16(m, n, slow.s, slow.pairs, 0.7f, slow.max, slow.sum,
                               slow.correction);
      require(&f, memcmp(fast.max, slow.max, sizeof fast.max) == 0);
      for (ptrdiff_t i = 0; i < most; i++) {
        const uint32_t *x = fast.pairs + i * stride / 2, *y = slow.pairs + i * stride / 2;
        ptrdiff_t written = i < m ? words : 0;
        for (ptrdiff_t j = 0; j < written; j++) {
          for (int high = 0; high < 2; high++) {
            uint32_t xb = high ? x[j] & 0xffff0000u : x[j] << 16;
            uint32_t yb = high ? y[j] & 0xffff0000u : y[j] << 16;
            float xf, yf;
            memcpy(&xf, &xb, 4);
            memcpy(&yf, &yb, 4);
            if (yf > 1e-37f || xf > 1e-37f) note(&f, relative(xf, yf), (double)n);
          }
        }
        require(&f, memcmp(x + written, y + written, (size_t)(stride / 2 - written) * 4) == 0);
        note(&f, relative(fast.sum[i], slow.sum[i]), (double)n);
        note(&f, relative(fast.correction[i], slow.correction[i]), (double)n);
      }
    }
  }
  finish(&f);
}

typedef void score_call(const heed_kernels *table, ptrdiff_t m, ptrdiff_t n, tile *t);

static float bias[most * 131];
static uint8_t mask[most * 131];
static int32_t low[most], high[most];

static void weights(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  k->softmax_weights_f32(m, n, t->s, 0.7f, t->max);
}
static void gradient(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  float p[most * stride];
  for (int i = 0; i < most * stride; i++) p[i] = t->s[i] > 0 ? t->s[i] : 0;
  for (int i = 0; i < most; i++) t->max[i] = (float)i;
  k->softmax_gradient_f32(m, n, p, t->s, 0.7f, t->max);
}
static void biased(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  k->score_bias_f32(m, n, t->s, 0.7f, n % 2 ? bias : NULL, 131);
}
static void capped(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  k->score_cap_f32(m, n, t->s, 9);
}
static void cap_gradient(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  float s[most * stride];
  for (int i = 0; i < most * stride; i++) s[i] = bias[i % (most * 131)] * 9;
  k->score_cap_gradient_f32(m, n, s, t->s, 9);
}
static void distant(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  float center[most];
  for (int i = 0; i < most; i++) center[i] = (float)(5 * i - 9);
  k->score_distance_f32(m, n, t->s, bias, center);
}
static void ranged(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  k->score_range_f32(m, n, t->s, low, high);
}
static void masked(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  k->score_mask_f32(m, n, t->s, mask, 131);
}
static void scaled(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  float factor[most];
  for (int i = 0; i < most; i++) factor[i] = i % 4 ? bias[i] : 1;
  k->scale_rows_f32(m, n, t->s, stride, factor);
}
static void paired(const heed_kernels *k, ptrdiff_t m, ptrdiff_t n, tile *t) {
  uint32_t *by_columns = m % 3 ? t->turned : NULL;
  if (!k->left_by_rows) {
    k->tile_to_pairs(m, n, t->s, n % 5 ? t->pairs : NULL, by_columns);
    return;
  }
  static uint32_t by_rows[stride * stride / 2];
  memset(by_rows, 0x5a, sizeof by_rows);
  k->tile_to_pairs(m, n, t->s, n % 5 ? t->pairs : NULL, by_columns ? by_rows : NULL);
  for (ptrdiff_t i = 0; by_columns && i < (m + 1) / 2; i++) {
    for (ptrdiff_t j = 0; j < (n + 15) / 16 * 16; j++) {
      by_columns[i * stride + j] = by_rows[j * (stride / 2) + i];
    }
  }
}

static void check_call(const heed_kernels *table, const char *name, double bound,
                       score_call *call) {
  static tile fast, slow;
  const heed_kernels *plain = heed_kernels_select("generic");
  finding f = begin(table, name, "relative", bound);
  for (int a = 0; a < row_counts; a++) {
    for (int b = 0; b < column_counts; b++) {
      ptrdiff_t m = rows[a], n = columns[b];
      prepare(&fast, n);
      slow = fast;
      call(table, m, n, &fast);
      call(plain, m, n, &slow);
      for (int i = 0; i < most * stride; i++) {
        float x = fast.s[i], y = slow.s[i];
        if (isnan(x) && isnan(y)) continue;
        require(&f, !isnan(x) && !isnan(y));
        note(&f, relative(x, y), (double)n);
      }
      require(&f, memcmp(fast.pairs, slow.pairs, sizeof fast.pairs) == 0);
      require(&f, memcmp(fast.turned, slow.turned, sizeof fast.turned) == 0);
    }
  }
  finish(&f);
}

void check_scores(const heed_kernels *table) {
  fill(most * 131, bias);
  for (int i = 0; i < most * 131; i++) mask[i] = (uint8_t)(number() > 0 ? 1 + (i % 200) : 0);
  static const int32_t lows[] = {INT32_MIN, 0, 3, 16, 40, 200};
  static const int32_t highs[] = {INT32_MAX, 0, 20, 128, 5};
  for (int i = 0; i < most; i++) low[i] = lows[i % 6], high[i] = highs[i % 5];
  check_step(table);
  check_call(table, "softmax_weights_f32", 2e-6, weights);
  check_call(table, "softmax_gradient_f32", 2e-7, gradient);
  check_call(table, "score_bias_f32", 1e-5, biased);
  check_call(table, "score_cap_f32", 4e-7, capped);
  check_call(table, "score_cap_gradient_f32", 1e-3, cap_gradient);
  check_call(table, "score_distance_f32", 0, distant);
  check_call(table, "score_range_f32", 0, ranged);
  check_call(table, "score_mask_f32", 0, masked);
  check_call(table, "scale_rows_f32", 0, scaled);
  check_call(table, "tile_to_pairs", 0, paired);
}
