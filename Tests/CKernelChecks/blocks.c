// Small weights: the same bits as the plain kernels, alone and among others; panels that stand for what
// the types in files say; scales that lose less than the largest value's.

#include "checks.h"

static const ptrdiff_t block_counts[] = {1, 3, 5, 7, 24, 25, 50};  // blocks of a row
enum { longest = 56, block_count_count = sizeof block_counts / sizeof block_counts[0] };
static const ptrdiff_t columns[] = {1, 2, 3, 7, 13, 16, 17, 31, 32};
enum { column_count = sizeof columns / sizeof columns[0] };

/// Blocks that share what lies before them.
static ptrdiff_t blocks_of_run(heed_panel_format format) {
  return format == HEED_PANEL_6 ? HEED_BLOCK_RUN : 1;
}

static void fill_panel(heed_panel_format format, ptrdiff_t blocks, uint8_t *panel) {
  const ptrdiff_t bytes = heed_panel_bytes(format);
  const int has_offset = format == HEED_PANEL_8_OFFSET || format == HEED_PANEL_4_OFFSET;
  const ptrdiff_t run = blocks_of_run(format);
  for (ptrdiff_t i = 0; i < blocks * bytes; i++) {
    panel[i] = (uint8_t)(128 + 127.9f * number());
    if (format == HEED_PANEL_8_OFFSET) panel[i] &= 127;
  }
  for (ptrdiff_t b = 0; b < blocks; b += run, panel += run * bytes) {
    for (ptrdiff_t i = 0; i < HEED_PANEL * (1 + has_offset); i++) {
      const uint16_t half = (uint16_t)(0x2000 + (int)(4000 * (number() + 1)));
      memcpy(panel + 2 * i, &half, 2);
    }
  }
}

static void check_products(const heed_kernels *table) {
  static const char *names[] = {"tile_blocks 8", "tile_blocks 8 offset", "tile_blocks 4",
                                "tile_blocks 4 offset", "tile_blocks 6"};
  const heed_kernels *plain = heed_kernels_select("generic");
  for (int format = 0; format < 5; format++) {
    const ptrdiff_t each = format == HEED_PANEL_6 ? 2 : 1;  // sums of a block
    const ptrdiff_t run = blocks_of_run(format);
    finding f = begin(table, names[format], "(the same bits)", 0);
    uint8_t *panel = malloc((size_t)(longest * heed_panel_bytes(format)));
    fill_panel(format, longest, panel);
    for (int i = 0; i < size_count; i++) {
      for (int j = 0; j < column_count; j++) {
        for (int count = 0; count < block_count_count; count++) {
          const ptrdiff_t blocks = (block_counts[count] + run - 1) / run * run;
          if (count > 3 && (i + j) % 3) continue;  // the longest take most of the time
          const ptrdiff_t m = sizes[i], n = columns[j], k = blocks * HEED_BLOCK_WIDTH;
          int8_t *a = malloc((size_t)(m * k));
          float *scales = malloc((size_t)(m * blocks) * 4), *x = malloc((size_t)k * 4);
          int32_t *sums = malloc((size_t)(m * blocks * each) * 4);
          for (ptrdiff_t row = 0; row < m; row++) {
            fill(k, x);
            table->quantize_blocks_i8(k, x, a + row * k, scales + row * blocks,
                                      sums + row * blocks * each);
            if (each == 2) heed_half_sums(blocks, a + row * k, sums + row * blocks * 2);
          }
          const size_t size = (size_t)(m * n) * 4;
          float *fast = guarded(size), *slow = guarded(size);
          table->tile_blocks(format, m, n, blocks, a, scales, sums, panel, fast, n, 0);
          plain->tile_blocks(format, m, n, blocks, a, scales, sums, panel, slow, n, 0);
          require(&f, memcmp(fast, slow, size) == 0);
          require(&f, intact(fast, size));
          digest(fast, size);
          // The last row alone, in two calls over k.
          const ptrdiff_t last = m - 1, half = blocks / run / 2 * run;
          table->tile_blocks(format, 1, n, half, a + last * k, scales + last * blocks,
                             sums + last * blocks * each, panel, slow, n, 0);
          table->tile_blocks(format, 1, n, blocks - half, a + last * k + half * HEED_BLOCK_WIDTH,
                             scales + last * blocks + half, sums + (last * blocks + half) * each,
                             panel + half * heed_panel_bytes(format), slow, n, 1);
          require(&f, memcmp(fast + last * n, slow, (size_t)n * 4) == 0);
          free(a), free(scales), free(x), free(sums), free(fast), free(slow);
        }
      }
    }
    free(panel);
    finish(&f);
  }
}

static void check_activations(const heed_kernels *table) {
  finding f = begin(table, "quantize_blocks_i8", "of a step", 0.5001);
  const heed_kernels *plain = heed_kernels_select("generic");
  for (int i = 0; i < size_count; i++) {
    for (int kind = 0; kind < 5; kind++) {
      const ptrdiff_t n = sizes[i], blocks = (n + 31) / 32;
      float x[160], scales[2][8] = {{0}};
      int32_t sums[2][8] = {{0}};
      fill(n, x);
      if (kind == 1) x[n / 2] = NAN;
      if (kind == 2) x[n / 3] = -INFINITY;
      if (kind == 3) for (ptrdiff_t j = 0; j < n; j++) x[j] *= 0x1p-120f;
      if (kind == 4) for (ptrdiff_t j = 0; j < n; j++) x[j] *= 0x1p127f;
      int8_t *fast = guarded((size_t)(32 * blocks)), *slow = guarded((size_t)(32 * blocks));
      table->quantize_blocks_i8(n, x, fast, scales[0], sums[0]);
      plain->quantize_blocks_i8(n, x, slow, scales[1], sums[1]);
      require(&f, memcmp(fast, slow, (size_t)(32 * blocks)) == 0);
      require(&f, memcmp(sums[0], sums[1], sizeof sums[0]) == 0);
      require(&f, intact(fast, (size_t)(32 * blocks)));
      for (ptrdiff_t b = 0; b < blocks; b++) {
        require(&f, scales[0][b] == scales[1][b] || (isnan(scales[0][b]) && isnan(scales[1][b])));
        const int holds = (kind == 1 && n / 2 / 32 == b) || (kind == 2 && n / 3 / 32 == b);
        require(&f, !holds || isnan(scales[0][b]));
      }
      for (ptrdiff_t j = 0; j < n && (kind == 0 || kind == 4); j++) {
        note(&f, fabs((double)x[j] / scales[0][j / 32] - fast[j]), x[j]);
      }
      free(fast), free(slow);
    }
  }
  finish(&f);
}

/// The weight that a panel holds for output `row` at `k`.
static double panel_weight(const heed_kernels *table, heed_panel_format format,
                           const uint8_t *panel, ptrdiff_t blocks, ptrdiff_t row, ptrdiff_t k) {
  int8_t a[256] = {0};
  float scales[8] = {0}, c[HEED_PANEL];
  int32_t sums[16] = {0};
  a[k] = 1;
  scales[k / 32] = 1;
  sums[format == HEED_PANEL_6 ? k / 16 : k / 32] = 1;
  table->tile_blocks(format, 1, HEED_PANEL, blocks, a, scales, sums, panel, c, HEED_PANEL, 0);
  return c[row];
}

static void check_types(const heed_kernels *table) {
  static const char *names[] = {"pack Q8_0", "pack Q4_0", "pack Q4_1", "pack Q5_0",
                                "pack Q5_1", "pack MXFP4", "pack Q4_K", "pack Q5_K",
                                "pack Q6_K"};
  // In shares of the largest weight of a row: exact types to a rounding of f32, the two-level scales of
  // Q4_K and Q5_K to one of f16.
  static const double bounds[] = {1e-7, 1e-7, 3e-7, 1e-7, 3e-7, 1e-7, 1e-3, 1e-3, 3e-7};
  for (int type = 0; type <= HEED_Q6_K; type++) {
    finding f = begin(table, names[type], "of the largest", bounds[type]);
    const heed_panel_format format = heed_panel_format_of(type);
    const ptrdiff_t bytes = heed_block_bytes(type), count = 256 / heed_block_width(type);
    for (ptrdiff_t rows = 1; rows <= HEED_PANEL; rows += 10) {
      uint8_t source[HEED_PANEL * 8 * 34];
      for (size_t i = 0; i < sizeof source; i++) source[i] = (uint8_t)(128 + 127.9f * number());
      for (ptrdiff_t b = 0; b < rows * count; b++) {
        // Scales that are neither infinite nor absurd.
        uint8_t *x = source + b * bytes;
        const uint8_t high = (uint8_t)(0x20 + (b & 7));
        x[type == HEED_Q6_K ? 209 : 1] = high;
        if (type == HEED_MXFP4) x[0] = (uint8_t)(112 + x[0] % 16);
        if (type == HEED_Q4_1 || type >= HEED_Q5_1) x[3] = type == HEED_Q6_K ? x[3] : high;
      }
      const size_t size = (size_t)(8 * heed_panel_bytes(format));
      uint8_t *panel = guarded(size);
      heed_pack_panel(type, rows, 256, source, count * bytes, panel);
      require(&f, intact(panel, size));
      for (ptrdiff_t row = 0; row < HEED_PANEL; row++) {
        float values[256] = {0}, largest = 1e-20f;
        if (row < rows) heed_dequantize(type, count, source + row * count * bytes, values);
        for (int k = 0; k < 256; k++) largest = fmaxf(largest, fabsf(values[k]));
        for (int k = 0; k < 256; k += 5) {
          const double held = panel_weight(table, format, panel, 8, row, k);
          note(&f, fabs(held - values[k]) / largest, values[k]);
        }
      }
      free(panel);
    }
    finish(&f);
  }
}

/// The root of the mean squared error of quantising, in shares of that of the values.
static double loss(int type, const float *x, ptrdiff_t n) {
  static uint8_t blocks[16384];
  static float back[8192];
  heed_quantize(type, n / heed_block_width(type), x, blocks);
  heed_dequantize(type, n / heed_block_width(type), blocks, back);
  double error = 0, size = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    error += ((double)x[i] - back[i]) * ((double)x[i] - back[i]);
    size += (double)x[i] * x[i];
  }
  return sqrt(error / size);
}

/// The same for whole numbers from 0 to `high` by the largest value alone, which gets the least of those
/// around the middle, or with `has_least` by the least value and the largest.
static double plain_loss(const float *x, ptrdiff_t n, int high, int has_least) {
  double error = 0, size = 0;
  for (ptrdiff_t start = 0; start < n; start += 32) {
    const float *part = x + start;
    float largest = 0, least = part[0], top = part[0];
    for (int i = 0; i < 32; i++) {
      if (fabsf(part[i]) > fabsf(largest)) largest = part[i];
      least = fminf(least, part[i]);
      top = fmaxf(top, part[i]);
    }
    const int middle = (high + 1) / 2;
    const double scale = has_least ? ((double)top - least) / high : (double)largest / -middle;
    const double offset = has_least ? least : -middle * scale;
    for (int i = 0; i < 32; i++) {
      const double q = fmin(fmax(rint((part[i] - offset) / scale), 0), high);
      error += pow(part[i] - (q * scale + offset), 2);
      size += (double)part[i] * part[i];
    }
  }
  return sqrt(error / size);
}

/// Rounding with what the inputs are like: nothing changes where no input goes with another, and where
/// all columns read the same input the sum of a row's errors is one rounding, not the sum of all.
static void check_compensation(int type, const char *name, const float *x) {
  static float factors[256 * 256], ones[256], owed[256], errors[256];
  finding f = begin(heed_kernels_select("generic"), name, "of a plain sum of errors", 0.5);
  const int width = (int)heed_block_width(type);
  const size_t bytes = (size_t)heed_block_bytes(type);
  // From the last column to the first.
  uint8_t places[256];
  for (int i = 0; i < width; i++) {
    ones[i] = 1;
    places[i] = (uint8_t)(width - 1 - i);
  }
  double plain = 0, compensated = 0;
  for (int start = 0; start + width <= 4096; start += width) {
    uint8_t want[256];
    float back[256];
    heed_quantize(type, 1, x + start, want);
    heed_dequantize(type, 1, want, back);
    double sums[2] = {0};
    for (int j = 0; j < width; j++) sums[0] += (double)x[start + j] - back[j];
    for (int same = 0; same < 2; same++) {
      for (int i = 0; i < width * width; i++) factors[i] = (float)same;
      memset(owed, 0, sizeof owed);
      uint8_t *got = guarded(bytes);
      heed_quantize_compensated(
          type, x + start, places, width, ones, factors, width, owed, got, errors);
      require(&f, intact(got, bytes) && (same || memcmp(got, want, bytes) == 0));
      heed_dequantize(type, 1, got, back);
      for (int j = 0; j < width; j++) {
        if (same) sums[1] += (double)x[start + j] - back[j];
        require(&f, fabs((double)x[start + j] - back[j] - errors[width - 1 - j]) < 1e-5);
      }
      free(got);
    }
    plain += sums[0] * sums[0];
    compensated += sums[1] * sums[1];
  }
  note(&f, sqrt(compensated / plain), 0);
  finish(&f);
}

void check_quantizers(void) {
  const heed_kernels *plain = heed_kernels_select("generic");
  static float x[4096];
  restart();
  // Nearly normal, as weights are.
  for (int i = 0; i < 4096; i++) x[i] = number() + number() + number() + number() + number();
  const struct {
    int type;
    const char *name;
    double bound;
  } types[] = {{HEED_Q8_0, "quantize Q8_0", 0.006},
               {HEED_Q4_0, "quantize Q4_0", plain_loss(x, 4096, 15, 0) * 0.95},
               {HEED_Q4_1, "quantize Q4_1", plain_loss(x, 4096, 15, 1) * 0.95},
               {HEED_Q5_0, "quantize Q5_0", plain_loss(x, 4096, 31, 0) * 0.95},
               {HEED_Q5_1, "quantize Q5_1", plain_loss(x, 4096, 31, 1) * 0.95},
               {HEED_Q4_K, "quantize Q4_K", 0.07},
               {HEED_Q5_K, "quantize Q5_K", 0.034},
               {HEED_Q6_K, "quantize Q6_K", 0.02}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    finding f = begin(plain, types[i].name, "of the values", types[i].bound);
    note(&f, loss(types[i].type, x, 4096), 0);
    float strange[256] = {0};
    strange[3] = NAN, strange[40] = INFINITY, strange[70] = 1e38f, strange[100] = 1e-44f;
    loss(types[i].type, strange, 256);
    finish(&f);
    check_compensation(types[i].type, types[i].name, x);
  }
}

void check_blocks(const heed_kernels *table) {
  check_activations(table);
  check_products(table);
  check_types(table);
}
