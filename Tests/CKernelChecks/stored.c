// Few rows against stored keys and values: the bits of packing and tiles, nothing touched behind the end.

#include "checks.h"

static uint32_t word(int bf16) {
  float x = number(), y = number();
  uint32_t a, b;
  memcpy(&a, &x, 4);
  memcpy(&b, &y, 4);
  return bf16 ? a >> 16 | (b & 0xffff0000u) : a;
}

static uint32_t *words(size_t count, int bf16) {
  uint32_t *x = guarded(count * 4);
  for (size_t i = 0; i < count; i++) x[i] = word(bf16);
  return x;
}

static void check_keys(const heed_kernels *table, const char *name, int bf16) {
  finding f = begin(table, name, "(the same bits)", 0);
  for (int at = 0; at < size_count * size_count * 10; at++) {
    ptrdiff_t m = 1 + at % 10, n = sizes[at / 10 % size_count], k = sizes[at / 10 / size_count];
    if (n > HEED_SCORE_STRIDE) continue;
    ptrdiff_t key_stride = k + at % 3, c_stride = n + 3;
    int by_rows = bf16 && table->left_by_rows;
    ptrdiff_t a_stride = (by_rows ? k : m) + at % 2;
    ptrdiff_t width = (n + HEED_PANEL - 1) / HEED_PANEL * HEED_PANEL;
    size_t c_size = (size_t)((m - 1) * c_stride + n) * 4;
    uint32_t *a = words((size_t)(((by_rows ? m : k) - 1) * a_stride + (by_rows ? k : m)), bf16);
    uint32_t *keys = words((size_t)((n - 1) * key_stride + k), bf16);
    uint32_t *packed = guarded((size_t)(k * width) * 4);
    float *fast = guarded(c_size), *slow = guarded(c_size);
    fill((ptrdiff_t)(c_size / 4), fast);
    memcpy(slow, fast, c_size);
    table->pack_transposed_u32(n, k, keys, key_stride, packed, width);
    if (bf16) {
      table->score_keys_bf16(m, n, k, a, a_stride, keys, key_stride, fast, c_stride);
      table->tile_bf16(m, n, k, a, a_stride, packed, width, slow, c_stride, 0);
    } else {
      table->score_keys_f32(m, n, k, (float *)a, a_stride, (float *)keys, key_stride, fast,
                            c_stride);
      table->tile_f32(m, n, k, (float *)a, a_stride, (float *)packed, width, slow, c_stride, 0);
    }
    require(&f, memcmp(fast, slow, c_size) == 0);
    require(&f, intact(fast, c_size));
    free(a), free(keys), free(packed), free(fast), free(slow);
  }
  finish(&f);
}

static void check_values(const heed_kernels *table) {
  finding f = begin(table, "add_values_u16", "(the same bits)", 0);
  for (int at = 0; at < size_count * size_count * 20; at++) {
    ptrdiff_t m = 1 + at % 10, n = sizes[at / 20 % size_count], k = sizes[at / 20 / size_count];
    if (k > HEED_SCORE_STRIDE) continue;
    int accumulate = at / 10 % 2;
    ptrdiff_t stride = n + at % 3, c_stride = n + 3, pairs = (k + 1) / 2;
    size_t c_size = (size_t)((m - 1) * c_stride + n) * 4;
    uint32_t *a = words((size_t)(m * (HEED_SCORE_STRIDE / 2)), 1);
    // A last odd row is paired with a weight of zero.
    for (ptrdiff_t i = 0; i < m && k % 2; i++) {
      a[i * (HEED_SCORE_STRIDE / 2) + pairs - 1] &= 0xffff;
    }
    size_t count = (size_t)((k - 1) * stride + n);
    uint16_t *values = guarded((count * 2 + 3) / 4 * 4);
    for (size_t i = 0; i < count; i++) values[i] = (uint16_t)word(1);
    uint32_t *packed = guarded((size_t)(pairs * n) * 4);
    float *fast = guarded(c_size), *slow = guarded(c_size);
    fill((ptrdiff_t)(c_size / 4), fast);
    memcpy(slow, fast, c_size);
    table->add_values_u16(m, n, k, a, values, stride, fast, c_stride, accumulate);
    table->pack_pairs_u16(k, n, values, stride, packed, n);
    table->tile_rows_bf16(m, n, pairs, a, packed, n, slow, c_stride, accumulate);
    require(&f, memcmp(fast, slow, c_size) == 0);
    require(&f, intact(fast, c_size));
    free(a), free(values), free(packed), free(fast), free(slow);
  }
  finish(&f);
}

void check_stored(const heed_kernels *table) {
  check_keys(table, "score_keys_f32", 0);
  check_keys(table, "score_keys_bf16", 1);
  check_values(table);
}
