// Scores of few rows with keys as they lie in a cache.
//
// Decoding reads each key and value once, from memory, whose speed is the limit; a copy in the layout
// of the tiles would cost more than the product. Keys are turned VL x VL in registers and multiplied
// there. Each score is the chain of sums of the tile of the same words, so both have the same bits.
//
// Every line is asked for before it is read, in the order of memory: what the processor foresees by
// itself comes at half the speed (Zen 4: 19 against 38 GB/s on two cores).
//
// Included once for each kind of word, as tiles.inc.h is: HEED_KIND names it, HEED_WORD is its type,
// HEED_WORDS_OF makes a vector of it from a vector of floats, HEED_SET repeats one and
// HEED_MULTIPLY(a, b, sum) is a * b + sum. HEED_FEW_ROWS rows are taken at once.

#define HEED_STORED(name) HEED_NAME(HEED_JOIN(name, HEED_KIND))

/// Keys from the one that is read to the one that is asked for.
#define HEED_KEYS_AHEAD 32

/// Scores of `columns` vectors of keys, of which `present` are there.
HEED_INLINE void HEED_STORED(_score_block_)(const int rows, const int columns, ptrdiff_t present,
                                            ptrdiff_t k, const HEED_WORD *a, ptrdiff_t a_stride,
                                            const HEED_WORD *keys, ptrdiff_t key_stride, float *c, ptrdiff_t c_stride) {
  vf sum[HEED_FEW_ROWS][2];
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) sum[i][j] = v_set(0);
  }
  const int dense = key_stride == k;
  const char *ahead = (const char *)(keys + HEED_KEYS_AHEAD * key_stride);
  for (ptrdiff_t word = 0; word < k; word += VL) {
    const ptrdiff_t deep = heed_smaller(VL, k - word);
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const HEED_WORD *block = keys + j * VL * key_stride + word;
      vf x[VL];
      if (dense) {
        HEED_UNROLL for (int line = 0; line < VL * VL * 4; line += 64) {
          HEED_PREFETCH_NEAR(ahead + line);
        }
        ahead += VL * VL * 4;
      } else {
        HEED_UNROLL for (int i = 0; i < VL; i++) {
          HEED_PREFETCH_NEAR(block + (i + HEED_KEYS_AHEAD) * key_stride);
        }
      }
      if (present == columns * VL && deep == VL) {
        HEED_UNROLL for (int i = 0; i < VL; i++) {
          x[i] = v_load((const float *)(const void *)(block + i * key_stride));
        }
      } else {
        HEED_UNROLL for (int i = 0; i < VL; i++) {
          x[i] = j * VL + i < present
                     ? v_get((const float *)(const void *)(block + i * key_stride), deep)
                     : v_set(0);
        }
      }
      v_transpose(x);
#define ADD(w)                                                                            \
  HEED_UNROLL for (int i = 0; i < rows; i++) {                                            \
    sum[i][j] = HEED_MULTIPLY(HEED_SET(a[(word + (w)) * a_stride + i]),          \
                              HEED_WORDS_OF(x[w]), sum[i][j]);                            \
  }
      if (deep == VL) {
        HEED_UNROLL for (int w = 0; w < VL; w++) ADD(w)
      } else {
        for (int w = 0; w < deep; w++) ADD(w)
      }
#undef ADD
    }
  }
  HEED_UNROLL for (int i = 0; i < rows; i++) {
    HEED_UNROLL for (int j = 0; j < columns; j++) {
      const ptrdiff_t count = heed_smaller(VL, present - j * VL);
      if (count > 0) v_put(c + i * c_stride + j * VL, sum[i][j], count);
    }
  }
}

#define HEED_GROUP(rows, columns)                                                              \
  case rows:                                                                                   \
    HEED_STORED(_score_block_)(rows, columns, heed_smaller(columns * VL, n - j), k,            \
                               a + i, a_stride, keys + j * key_stride, key_stride,             \
                               c + i * c_stride + j, c_stride);                    \
    j += columns * VL;                                                                         \
    break;

void HEED_STORED(_score_keys_)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const HEED_WORD *a,
                               ptrdiff_t a_stride, const HEED_WORD *keys, ptrdiff_t key_stride,
                               float *c, ptrdiff_t c_stride) {
    for (ptrdiff_t i = 0; i < m; i += HEED_FEW_ROWS) {
    for (ptrdiff_t j = 0; j < n;) {
      switch (heed_smaller(HEED_FEW_ROWS, m - i)) {
        HEED_GROUP(1, 2)
        HEED_GROUP(2, 2)
        HEED_GROUP(3, 2)
        HEED_GROUP(4, 2)
#if HEED_FEW_ROWS == 8
        HEED_GROUP(5, 1)
        HEED_GROUP(6, 1)
        HEED_GROUP(7, 1)
        HEED_GROUP(8, 1)
#endif
      }
    }
  }
}
#undef HEED_GROUP
#undef HEED_KEYS_AHEAD
#undef HEED_STORED
