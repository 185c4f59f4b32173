// The register tile of AVX-512, written once for f32 and for pairs of bf16. The includer defines
//   ELEMENT        the type of an element of a and b (4 bytes)
//   FMA(acc,a,b)   the product of two vectors added to acc
//   BROADCAST(p)   a vector of the element at p
//   LOAD(mask,p)   a vector of elements at p, zeros outside mask
//   ROW_STRIDE     elements between the rows of a score tile
//   NAME(x)        the name of a function
//
// A tile holds ROWS x VECTORS accumulators in registers and walks over k once: VECTORS loads of b,
// ROWS broadcasts of a and ROWS * VECTORS fused multiply-adds a step. 14 x 2 keeps 28 of the 32
// registers busy; with few rows more vectors are taken so that enough independent sums hide the
// latency of an addition.

// Panels are asked for a page ahead, one line in two and into the second cache; the processor's own
// streams bring the rest. Few rows want no more: their panels come from memory, whose speed is the
// limit, and asking for every line held up to a third of it back, because each takes a miss buffer of
// the first cache. Values of the attention (behind a score tile) are read a block at a time, too short for the
// streams: few rows ask for every line of them. So do 7 to 12 rows (texts side by side), which compute too long
// between two lines for the streams to keep up. With more rows both operands are also asked for a few steps
// ahead, out of the second cache: what the processor foresees by itself left a twentieth of the speed behind.

// Columns lie in panels of 32 (two vectors), panel_stride apart; 32 where b is one matrix.
#define AT(v) ((v) / 2 * panel_stride + 16 * ((v) % 2))

/// Bytes from a line to the one that is asked for early.
#define TILE_AHEAD 4096
#define VALUES_AHEAD 8192

#define TILE_INLINE static inline __attribute__((always_inline))

/// How a lies: A(i, kk) = a[kk * a_stride + i], a[i * a_stride + kk], or a[i * ROW_STRIDE + kk].
enum { NAME(by_k), NAME(by_rows), NAME(score_rows) };

/// Elements from a row of a to the next.
TILE_INLINE ptrdiff_t NAME(row_step)(const int layout, ptrdiff_t a_stride) {
  return layout == NAME(by_k) ? 1 : layout == NAME(by_rows) ? a_stride : ROW_STRIDE;
}

TILE_INLINE void NAME(block)(const int rows, const int vectors, const int layout, ptrdiff_t k,
                             const ELEMENT *a, ptrdiff_t a_stride, const ELEMENT *b,
                             ptrdiff_t b_stride, ptrdiff_t panel_stride, float *c,
                             ptrdiff_t c_stride, __mmask16 last, int accumulate) {
  __m512 sum[14][8];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      sum[i][v] = accumulate
                      ? _mm512_maskz_loadu_ps(v == vectors - 1 ? last : (__mmask16)0xffff,
                                              c + i * c_stride + 16 * v)
                      : _mm512_setzero_ps();
  const ptrdiff_t row_step = NAME(row_step)(layout, a_stride);
  for (ptrdiff_t kk = 0; kk < k; kk++) {
    __m512i y[8];
    const int every_line = rows <= 6 ? layout == NAME(score_rows) : rows <= 12;
    if (every_line) {
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++)
        _mm_prefetch((const char *)(b + AT(v)) + VALUES_AHEAD, _MM_HINT_T1);
    } else {
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v += 2)
        _mm_prefetch((const char *)(b + AT(v)) + TILE_AHEAD, _MM_HINT_T1);
    }
    if (rows > 12) {
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++)
        _mm_prefetch((const char *)(b + 16 * b_stride + AT(v)), _MM_HINT_T0);
    }
    if (layout == NAME(by_k) && rows > 1) _mm_prefetch((const char *)(a + 24 * a_stride), _MM_HINT_T0);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      y[v] = LOAD(v == vectors - 1 ? last : (__mmask16)0xffff, b + AT(v));
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m512i x = BROADCAST(a + i * row_step);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[i][v] = FMA(sum[i][v], x, y[v]);
    }
    a += layout == NAME(by_k) ? a_stride : 1;
    b += b_stride;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      _mm512_mask_storeu_ps(c + i * c_stride + 16 * v,
                            v == vectors - 1 ? last : (__mmask16)0xffff, sum[i][v]);
}

// One strip of `vectors` vectors: the constants make the compiler unroll each case by itself.
#define CASE(R, V)                                                                             \
  case R:                                                                                      \
    NAME(block)(R, V, layout, k, a, a_stride, b, b_stride, panel_stride, c, c_stride, last,   \
                accumulate);                                                                   \
    break;

TILE_INLINE void NAME(rows_2)(const int vectors, const int layout, int rows, ptrdiff_t k,
                              const ELEMENT *a, ptrdiff_t a_stride, const ELEMENT *b,
                              ptrdiff_t b_stride, ptrdiff_t panel_stride, float *c,
                              ptrdiff_t c_stride, __mmask16 last, int accumulate) {
  switch (rows) {
    CASE(1, vectors) CASE(2, vectors) CASE(3, vectors) CASE(4, vectors) CASE(5, vectors)
    CASE(6, vectors) CASE(7, vectors) CASE(8, vectors) CASE(9, vectors) CASE(10, vectors)
    CASE(11, vectors) CASE(12, vectors) CASE(13, vectors) CASE(14, vectors)
  }
}

TILE_INLINE void NAME(rows_4)(const int vectors, const int layout, int rows, ptrdiff_t k,
                              const ELEMENT *a, ptrdiff_t a_stride, const ELEMENT *b,
                              ptrdiff_t b_stride, ptrdiff_t panel_stride, float *c,
                              ptrdiff_t c_stride, __mmask16 last, int accumulate) {
  switch (rows) {
    CASE(1, vectors) CASE(2, vectors) CASE(3, vectors) CASE(4, vectors) CASE(5, vectors)
    CASE(6, vectors)
  }
}

TILE_INLINE void NAME(rows_8)(const int vectors, const int layout, int rows, ptrdiff_t k,
                              const ELEMENT *a, ptrdiff_t a_stride, const ELEMENT *b,
                              ptrdiff_t b_stride, ptrdiff_t panel_stride, float *c,
                              ptrdiff_t c_stride, __mmask16 last, int accumulate) {
  switch (rows) { CASE(1, vectors) CASE(2, vectors) CASE(3, vectors) }
}
#undef CASE

// All of m x n: strips of columns, in each balanced groups of rows (16 = 8 + 8, not 14 + 2).
TILE_INLINE void NAME(all)(const int layout, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                           const ELEMENT *a, ptrdiff_t a_stride, const ELEMENT *b,
                           ptrdiff_t b_stride, ptrdiff_t panel_stride, float *c,
                           ptrdiff_t c_stride, int accumulate) {
  if (m <= 0) return;
  const ptrdiff_t most = m <= 3 ? 8 : m <= 6 ? 4 : 2;
  const ptrdiff_t groups = (m + 13) / 14;
  for (ptrdiff_t j = 0; j < n;) {
    const ptrdiff_t left = n - j;
    ptrdiff_t vectors = (left + 15) / 16;
    if (vectors > most) vectors = most;
    if (vectors == 3) vectors = 2;
    if (vectors > 4 && vectors < 8) vectors = 4;
    const ptrdiff_t width = left < 16 * vectors ? left : 16 * vectors;
    const ptrdiff_t tail = width - 16 * (vectors - 1);
    const __mmask16 last = (__mmask16)(0xffffu >> (16 - tail));
    const ELEMENT *strip = b + j / 32 * panel_stride + j % 32;
    ptrdiff_t row = 0;
    for (ptrdiff_t g = 0; g < groups; g++) {
      const ptrdiff_t next = (g + 1) * m / groups;
      const int rows = (int)(next - row);
      const ptrdiff_t row_step = NAME(row_step)(layout, a_stride);
      const ELEMENT *ar = a + row * row_step;
      float *cr = c + row * c_stride + j;
      switch (vectors) {
        case 1:
          NAME(rows_2)(1, layout, rows, k, ar, a_stride, strip, b_stride, panel_stride, cr, c_stride,
                       last, accumulate);
          break;
        case 2:
          NAME(rows_2)(2, layout, rows, k, ar, a_stride, strip, b_stride, panel_stride, cr, c_stride,
                       last, accumulate);
          break;
        case 4:
          NAME(rows_4)(4, layout, rows, k, ar, a_stride, strip, b_stride, panel_stride, cr, c_stride,
                       last, accumulate);
          break;
        default:
          NAME(rows_8)(8, layout, rows, k, ar, a_stride, strip, b_stride, panel_stride, cr, c_stride,
                       last, accumulate);
      }
      row = next;
    }
    j += width;
  }
}

#undef AT
#undef TILE_AHEAD
#undef VALUES_AHEAD
#undef TILE_INLINE
