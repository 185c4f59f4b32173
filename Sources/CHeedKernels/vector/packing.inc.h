// Packing for the tiles. The transposing ones turn VL x VL blocks in registers; pairs of bf16 are
// words of 32 bits and are turned like floats.

/// VL columns of dst from at most VL rows at a time; READ(row, word, count) gives `count` words of
/// a row. Rows that are missing are zeros.
#define HEED_TURN(rows, words, width, dst, READ)                                     \
  for (ptrdiff_t column = 0; column < (width); column += VL) {                       \
    const ptrdiff_t across = heed_smaller(VL, (width) - column);                     \
    const ptrdiff_t present = heed_smaller(VL, (rows) - column);                     \
    for (ptrdiff_t word = 0; word < (words); word += VL) {                           \
      const ptrdiff_t deep = heed_smaller(VL, (words) - word);                       \
      vf x[VL];                                                                      \
      if (present == VL && deep == VL && across == VL) {                             \
        HEED_UNROLL for (int i = 0; i < VL; i++) x[i] = READ(column + i, word, VL);  \
        v_transpose(x);                                                              \
        HEED_UNROLL for (int i = 0; i < VL; i++) {                                   \
          v_store((float *)(dst) + (word + i) * (width) + column, x[i]);             \
        }                                                                            \
        continue;                                                                    \
      }                                                                              \
      if (deep == VL) {                                                              \
        HEED_UNROLL for (int i = 0; i < VL; i++) {                                   \
          x[i] = i < present ? READ(column + i, word, VL) : v_set(0);                \
        }                                                                            \
        v_transpose(x);                                                              \
        HEED_UNROLL for (int i = 0; i < VL; i++) {                                   \
          v_put((float *)(dst) + (word + i) * (width) + column, x[i], across);       \
        }                                                                            \
        continue;                                                                    \
      }                                                                              \
      for (int i = 0; i < VL; i++) {                                                 \
        x[i] = i < present ? READ(column + i, word, deep) : v_set(0);                \
      }                                                                              \
      v_transpose(x);                                                                \
      for (int i = 0; i < deep; i++) {                                               \
        v_put((float *)(dst) + (word + i) * (width) + column, x[i], across);         \
      }                                                                              \
    }                                                                                \
  }

void HEED_NAME(_pack_transposed_f32)(ptrdiff_t rows, ptrdiff_t k, const float *src,
                                     ptrdiff_t row_stride, float *dst, ptrdiff_t width,
                                     float scale) {
  vf factor = v_set(scale);
#define READ(row, word, count) v_mul(v_get(src + (row) * row_stride + (word), count), factor)
  HEED_TURN(rows, k, width, dst, READ)
#undef READ
}

/// `count` words, and the row that the next call will want asked for: when decoding, keys come
/// straight from memory, in rows of which a block reads one cache line each, a pattern that the
/// processor does not foresee.
HEED_INLINE vf v_read_words(const uint32_t *p, ptrdiff_t count, ptrdiff_t ahead) {
  HEED_PREFETCH_NEAR(p + ahead);
  return v_as_float(count == VL ? v_load_bits(p) : v_load_bits_part(p, count));
}

void HEED_NAME(_pack_transposed_u32)(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,
                                     ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
#define READ(row, word, count) \
  v_read_words(src + (row) * row_stride + (word), count, width * row_stride)
  HEED_TURN(rows, k, width, (void *)dst, READ)
#undef READ
}

/// VL words of neighbours from a row, which has `left` floats from here on.
HEED_INLINE vf v_read_neighbours(const float *p, ptrdiff_t left, vf factor) {
  vf first = v_get_within(p, VL, left), second = v_get_within(p + VL, VL, left - VL);
  return v_as_float(v_pair_neighbours(v_mul(first, factor), v_mul(second, factor)));
}

void HEED_NAME(_pack_transposed_bf16)(ptrdiff_t rows, ptrdiff_t k, const float *src,
                                      ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width,
                                      float scale) {
  vf factor = v_set(scale);
#define READ(row, word, count) \
  v_read_neighbours(src + (row) * row_stride + 2 * (word), k - 2 * (word), factor)
  HEED_TURN(rows, (k + 1) / 2, width, (void *)dst, READ)
#undef READ
}
#undef HEED_TURN

void HEED_NAME(_pack_pairs_bf16)(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride,
                                 uint32_t *dst, ptrdiff_t width, float scale) {
  vf factor = v_set(scale);
  for (ptrdiff_t kk = 0; kk < k; kk += 2, dst += width, src += 2 * row_stride) {
    HEED_EACH(n, {
      vf low = v_mul(v_get(src + at, count), factor);
      vf high = kk + 1 < k ? v_mul(v_get(src + row_stride + at, count), factor) : v_set(0);
      v_put((float *)(void *)dst + at, v_as_float(v_pair_columns(low, high)), count);
    });
    memset(dst + n, 0, (size_t)(width - n) * sizeof(uint32_t));
  }
}

void HEED_NAME(_pack_left_bf16)(ptrdiff_t rows, ptrdiff_t k, const float *src,
                                ptrdiff_t row_stride, ptrdiff_t column_stride, uint32_t *dst) {
  if (column_stride == 1) {
    HEED_NAME(_pack_transposed_bf16)(rows, k, src, row_stride, dst, rows, 1);
  } else {
    HEED_NAME(_pack_pairs_bf16)(k, rows, src, column_stride, dst, rows, 1);
  }
}

void HEED_NAME(_pack_rows_f32)(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride,
                               float *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk++, dst += width, src += row_stride) {
    HEED_EACH(n, { v_put(dst + at, v_get(src + at, count), count); });
    for (ptrdiff_t j = n; j < width; j++) dst[j] = 0;
  }
}

void HEED_NAME(_pack_pairs_u16)(ptrdiff_t k, ptrdiff_t n, const uint16_t *src,
                                ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk += 2, dst += width, src += 2 * row_stride) {
    const uint16_t *second = kk + 1 < k ? src + row_stride : NULL;
    // As above: decoding reads each row once, from memory.
    for (ptrdiff_t at = 0; at < n; at += 32) {
      HEED_PREFETCH_NEAR(src + 32 * row_stride + at);
      HEED_PREFETCH_NEAR(src + 33 * row_stride + at);
    }
    HEED_EACH(n, {
      vf high = second ? v_get_bf16(second + at, count) : v_set(0);
      vf words = v_as_float(v_join_pairs(v_get_bf16(src + at, count), high));
      v_put((float *)(void *)dst + at, words, count);
    });
    memset(dst + n, 0, (size_t)(width - n) * sizeof(uint32_t));
  }
}
