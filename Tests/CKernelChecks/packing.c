// Packing: the same bits as the plain kernels, and nothing touched behind the end.

#include "checks.h"

enum { rows_f32, rows_bf16, rows_u32, copy_f32, pairs_bf16, pairs_u16 };

static void call(const heed_kernels *t, int kind, ptrdiff_t outer, ptrdiff_t inner,
                 const void *src, ptrdiff_t stride, void *dst, ptrdiff_t width, float scale) {
  switch (kind) {
    case rows_f32: t->pack_transposed_f32(outer, inner, src, stride, dst, width, scale); break;
    case rows_bf16: t->pack_transposed_bf16(outer, inner, src, stride, dst, width, scale); break;
    case rows_u32: t->pack_transposed_u32(outer, inner, src, stride, dst, width); break;
    case copy_f32: t->pack_rows_f32(outer, inner, src, stride, dst, width); break;
    case pairs_bf16: t->pack_pairs_bf16(outer, inner, src, stride, dst, width, scale); break;
    default: t->pack_pairs_u16(outer, inner, src, stride, dst, width); break;
  }
}

static void check(const heed_kernels *table, const char *name, int kind) {
  finding f = begin(table, name, "(the same bits)", 0);
  const heed_kernels *plain = heed_kernels_select("generic");
  size_t element = kind == pairs_u16 ? 2 : 4;
  for (int i = 0; i < size_count; i++) {
    for (int j = 0; j < size_count; j++) {
      for (ptrdiff_t extra = 0; extra < 40; extra += 13) {
        ptrdiff_t outer = sizes[i], inner = sizes[j], stride = inner + 3;
        int transposes = kind <= rows_u32;
        ptrdiff_t width = (transposes ? outer : inner) + extra;
        ptrdiff_t deep = transposes ? inner : outer;
        if (kind == rows_bf16 || kind == pairs_bf16 || kind == pairs_u16) deep = (deep + 1) / 2;
        size_t source = (size_t)((outer - 1) * stride + inner) * element;
        size_t size = (size_t)(deep * width) * 4;
        float *src = guarded((source + 3) / 4 * 4);
        fill((ptrdiff_t)((source + 3) / 4), src);
        void *fast = guarded(size), *slow = guarded(size);
        float scale = extra == 0 ? 1 : 0.3f;
        call(table, kind, outer, inner, src, stride, fast, width, scale);
        call(plain, kind, outer, inner, src, stride, slow, width, scale);
        require(&f, memcmp(fast, slow, size) == 0);
        require(&f, intact(fast, size));
        free(src), free(fast), free(slow);
      }
    }
  }
  finish(&f);
}

/// Left operands: each word against the plain kernel's, wherever the table puts it.
static void check_left(const heed_kernels *table) {
  finding f = begin(table, "pack_left_bf16", "(the same bits)", 0);
  const heed_kernels *plain = heed_kernels_select("generic");
  for (int at = 0; at < 2 * size_count * size_count; at++) {
    ptrdiff_t rows = sizes[at / 2 % size_count], k = sizes[at / 2 / size_count];
    ptrdiff_t words = (k + 1) / 2, by_rows = at % 2;
    ptrdiff_t row_stride = by_rows ? k + 3 : 1, column_stride = by_rows ? 1 : rows + 3;
    ptrdiff_t count = (rows - 1) * row_stride + (k - 1) * column_stride + 1;
    float *src = guarded((size_t)count * 4);
    fill(count, src);
    size_t size = (size_t)(rows * words) * 4;
    uint32_t *fast = guarded(size), *slow = guarded(size);
    table->pack_left_bf16(rows, k, src, row_stride, column_stride, fast);
    plain->pack_left_bf16(rows, k, src, row_stride, column_stride, slow);
    for (ptrdiff_t i = 0; i < rows; i++) {
      for (ptrdiff_t kk = 0; kk < words; kk++) {
        uint32_t word = table->left_by_rows ? fast[i * words + kk] : fast[kk * rows + i];
        require(&f, word == slow[kk * rows + i]);
      }
    }
    require(&f, intact(fast, size));
    free(src), free(fast), free(slow);
  }
  finish(&f);
}

void check_packing(const heed_kernels *table) {
  check(table, "pack_transposed_f32", rows_f32);
  check(table, "pack_transposed_bf16", rows_bf16);
  check(table, "pack_transposed_u32", rows_u32);
  check(table, "pack_rows_f32", copy_f32);
  check_left(table);
  check(table, "pack_pairs_bf16", pairs_bf16);
  check(table, "pack_pairs_u16", pairs_u16);
}
