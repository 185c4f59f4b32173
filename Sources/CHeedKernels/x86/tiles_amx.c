// AMX: matrix tiles over pairs of bf16, sixteen rows by sixteen columns by sixteen pairs an instruction.
//
// The left operand lies by rows (`left_by_rows`), the right one as everywhere: a row of sixteen pairs
// of each is what one row of a tile register holds, so nothing is arranged anew.
//
// Order of sums: sixteen pairs at a time from the first of the call on, each as two chains, of the
// lower and of the higher halves, from zero; then their sum is added to c. Denormals are zeros.
// Groups of pairs are counted from the start of a call, so calls that continue a sum have to begin
// at a multiple of sixteen pairs to have the bits of one call.

#if defined(__x86_64__)
#include "../vector/common.h"
#include "amx.h"
#include "tables.h"

#pragma clang attribute push(                                                                    \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), \
    apply_to = function)

enum { side = 16, tile_row_bytes = 64 };

/// The shape of a block: up to two tiles of rows by two of columns, over `pairs` pairs a step.
/// Registers: 0 ... 3 sums (row tile * 2 + column tile), 4 and 5 left, 6 and 7 right.
typedef struct {
  int rows[2], columns[2], pairs;
} block_shape;

AMX_INLINE void configure(block_shape shape) {
  tile_shapes shapes;
  memset(&shapes, 0, sizeof shapes);
  shapes.palette = 1;
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 2; j++) {
      if (!shape.rows[i] || !shape.columns[j]) continue;  // an unused one has neither
      shapes.rows[2 * i + j] = (uint8_t)shape.rows[i];
      shapes.row_bytes[2 * i + j] = (uint16_t)(shape.columns[j] * 4);
    }
    shapes.rows[4 + i] = (uint8_t)shape.rows[i];
    shapes.row_bytes[4 + i] = (uint16_t)(shape.rows[i] ? shape.pairs * 4 : 0);
    shapes.rows[6 + i] = (uint8_t)(shape.columns[i] ? shape.pairs : 0);
    shapes.row_bytes[6 + i] = (uint16_t)(shape.columns[i] * 4);
  }
  amx_configure(&shapes);
}

/// One block over `steps` steps of `pairs` pairs. Strides in words of 32 bits.
AMX_INLINE void block(const int two_rows, const int two_columns, ptrdiff_t steps, ptrdiff_t pairs,
                      const uint32_t *a, ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride,
                      float *c, ptrdiff_t c_stride, int accumulate) {
  float *below = c + side * c_stride;
  if (accumulate) {
    _tile_loadd(0, c, c_stride * 4);
    if (two_columns) _tile_loadd(1, c + side, c_stride * 4);
    if (two_rows) _tile_loadd(2, below, c_stride * 4);
    if (two_rows && two_columns) _tile_loadd(3, below + side, c_stride * 4);
  } else {
    _tile_zero(0);
    if (two_columns) _tile_zero(1);
    if (two_rows) _tile_zero(2);
    if (two_rows && two_columns) _tile_zero(3);
  }
  for (ptrdiff_t s = 0; s < steps; s++, a += pairs, b += pairs * b_stride) {
    _tile_loadd(6, b, b_stride * 4);
    _tile_loadd(4, a, a_stride * 4);
    _tile_dpbf16ps(0, 4, 6);
    if (two_columns) {
      _tile_loadd(7, b + side, b_stride * 4);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (two_rows) {
      _tile_loadd(5, a + side * a_stride, a_stride * 4);
      _tile_dpbf16ps(2, 5, 6);
      if (two_columns) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, c, c_stride * 4);
  if (two_columns) _tile_stored(1, c + side, c_stride * 4);
  if (two_rows) _tile_stored(2, below, c_stride * 4);
  if (two_rows && two_columns) _tile_stored(3, below + side, c_stride * 4);
}

AMX_INLINE int within(ptrdiff_t left) { return left <= 0 ? 0 : left < side ? (int)left : side; }

/// All of m x n for `steps` steps of `pairs` pairs; c is cleared first unless `accumulate`.
AMX_INLINE void sweep(ptrdiff_t m, ptrdiff_t n, ptrdiff_t steps, int pairs, const uint32_t *a,
                      ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride,
                      ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  block_shape set = {{0, 0}, {0, 0}, 0};
  // Whole blocks of rows first: the last one may have another shape.
  const ptrdiff_t whole_rows = m / (2 * side) * (2 * side);
  for (ptrdiff_t part = 0; part < 2; part++) {
  const ptrdiff_t first = part ? whole_rows : 0, end = part ? m : whole_rows;
  for (ptrdiff_t j = 0; first < end && j < n; j += 2 * side) {
    const uint32_t *right = b + j / (2 * side) * panel_stride;
    for (ptrdiff_t i = first; i < end; i += 2 * side) {
      const block_shape shape = {{within(m - i), within(m - i - side)},
                                 {within(n - j), within(n - j - side)},
                                 pairs};
      if (memcmp(&shape, &set, sizeof shape) != 0) {
        configure(shape);
        set = shape;
      }
      const uint32_t *left = a + i * a_stride;
      float *out = c + i * c_stride + j;
      switch ((shape.rows[1] > 0) * 2 + (shape.columns[1] > 0)) {
        case 0: block(0, 0, steps, pairs, left, a_stride, right, b_stride, out, c_stride, accumulate); break;
        case 1: block(0, 1, steps, pairs, left, a_stride, right, b_stride, out, c_stride, accumulate); break;
        case 2: block(1, 0, steps, pairs, left, a_stride, right, b_stride, out, c_stride, accumulate); break;
        default: block(1, 1, steps, pairs, left, a_stride, right, b_stride, out, c_stride, accumulate); break;
      }
    }
  }
  }
}

AMX_INLINE void all(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a, ptrdiff_t a_stride,
                    const uint32_t *b, ptrdiff_t b_stride, ptrdiff_t panel_stride, float *c,
                    ptrdiff_t c_stride, int accumulate) {
  if (m <= 0 || n <= 0) return;
  const ptrdiff_t steps = k / side, rest = k % side, whole = steps * side;
  if (k == 0) {
    for (ptrdiff_t i = 0; i < m && !accumulate; i++) memset(c + i * c_stride, 0, (size_t)n * 4);
    return;
  }
  if (steps) sweep(m, n, steps, side, a, a_stride, b, b_stride, panel_stride, c, c_stride, accumulate);
  if (rest) {
    sweep(m, n, 1, (int)rest, a + whole, a_stride, b + whole * b_stride, b_stride, panel_stride, c,
          c_stride, accumulate || steps);
  }
}

void heed_amx_tile_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                        ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,
                        ptrdiff_t c_stride, int accumulate) {
  all(m, n, k, a, a_stride, b, b_stride, 2 * side, c, c_stride, accumulate);
}

void heed_amx_tile_rows_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                             const uint32_t *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                             int accumulate) {
  all(m, n, k, a, HEED_SCORE_STRIDE / 2, b, b_stride, 2 * side, c, c_stride, accumulate);
}

void heed_amx_panels_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                          ptrdiff_t a_stride, int by_rows, const uint32_t *b,
                          ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int accumulate) {
  (void)by_rows;  // it always is
  all(m, n, k, a, a_stride, b, HEED_PANEL, panel_stride, c, c_stride, accumulate);
}

#define HEED_PREFIX heed_amx
#define HEED_NATIVE_BF16
#include "vec_avx512.h"

#include "../vector/loops.inc.h"

/// Sixteen columns of up to 32 rows of src: for each column a row of sixteen pairs along the rows.
AMX_INLINE void turn(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t stride, vf *x) {
  const __mmask16 present = columns >= VL ? 0xffff : v_first(columns);
  HEED_UNROLL for (int i = 0; i < VL; i++, src += 2 * stride) {
    const vf low = _mm512_maskz_loadu_ps(2 * i < rows ? present : 0, src);
    const vf high = _mm512_maskz_loadu_ps(2 * i + 1 < rows ? present : 0, src + stride);
    x[i] = v_as_float(v_pair_columns(low, high));
  }
  v_transpose(x);
}

void heed_amx_tile_to_pairs(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                            uint32_t *by_columns) {
  if (by_rows) heed_avx512bf16_tile_to_pairs(m, n, s, by_rows, NULL);
  for (ptrdiff_t i = 0; by_columns && i < m; i += 2 * VL) {
    for (ptrdiff_t j = 0; j < n; j += VL) {
      uint32_t *pairs = by_columns + j * (HEED_SCORE_STRIDE / 2) + i / 2;
      vf x[VL];
      turn(m - i, n - j, s + i * HEED_SCORE_STRIDE + j, HEED_SCORE_STRIDE, x);
      HEED_UNROLL for (int row = 0; row < VL; row++) {
        v_store((float *)(void *)(pairs + row * (HEED_SCORE_STRIDE / 2)), x[row]);
      }
    }
  }
}

/// Rows as they are, only shorter.
static void pack_rows(ptrdiff_t rows, ptrdiff_t k, const float *src, ptrdiff_t row_stride,
                      uint32_t *dst) {
  for (ptrdiff_t i = 0; i < rows; i++, src += row_stride, dst += (k + 1) / 2) {
    HEED_EACH((k + 1) / 2, {
      const vf first = v_get_within(src + 2 * at, VL, k - 2 * at);
      const vf second = v_get_within(src + 2 * at + VL, VL, k - 2 * at - VL);
      v_put((float *)(void *)(dst + at), v_as_float(v_pair_neighbours(first, second)), count);
    });
  }
}

void heed_amx_pack_left_bf16(ptrdiff_t rows, ptrdiff_t k, const float *src, ptrdiff_t row_stride,
                             ptrdiff_t column_stride, uint32_t *dst) {
  if (column_stride == 1) {
    pack_rows(rows, k, src, row_stride, dst);
    return;
  }
  const ptrdiff_t words = (k + 1) / 2;
  for (ptrdiff_t i = 0; i < rows; i += VL) {
    const ptrdiff_t across = rows - i < VL ? rows - i : VL;
    for (ptrdiff_t kk = 0; kk < k; kk += 2 * VL) {
      const ptrdiff_t deep = words - kk / 2 < VL ? words - kk / 2 : VL;
      vf x[VL];
      turn(k - kk, across, src + kk * column_stride + i, column_stride, x);
      uint32_t *pairs = dst + i * words + kk / 2;
      for (ptrdiff_t row = 0; row < across; row++) {
        v_put((float *)(void *)(pairs + row * words), x[row], deep);
      }
    }
  }
}

// Few rows against what is stored: packed after all, a piece in the first cache at a time.

/// Pairs of a piece of keys, a multiple of HEED_PAIR_GROUP.
enum { piece = 128 };

void heed_amx_score_keys_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                              ptrdiff_t a_stride, const uint32_t *keys, ptrdiff_t key_stride,
                              float *c, ptrdiff_t c_stride) {
  uint32_t packed[piece * HEED_PANEL];
  for (ptrdiff_t j = 0; j < n; j += HEED_PANEL) {
    const ptrdiff_t across = heed_smaller(HEED_PANEL, n - j);
    ptrdiff_t kk = 0;
    do {  // once for k = 0, which clears c
      const ptrdiff_t deep = heed_smaller(piece, k - kk);
      heed_avx512bf16_pack_transposed_u32(across, deep, keys + j * key_stride + kk, key_stride,
                                          packed, HEED_PANEL);
      heed_amx_tile_bf16(m, across, deep, a + kk, a_stride, packed, HEED_PANEL, c + j, c_stride,
                         kk > 0);
      kk += piece;
    } while (kk < k);
  }
}

void heed_amx_add_values_u16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                             const uint16_t *values, ptrdiff_t value_stride, float *c,
                             ptrdiff_t c_stride, int accumulate) {
  uint32_t packed[HEED_SCORE_STRIDE / 2 * HEED_PANEL];
  for (ptrdiff_t j = 0; j < n; j += HEED_PANEL) {
    const ptrdiff_t across = heed_smaller(HEED_PANEL, n - j);
    heed_avx512bf16_pack_pairs_u16(k, across, values + j, value_stride, packed, HEED_PANEL);
    heed_amx_tile_rows_bf16(m, across, (k + 1) / 2, a, packed, HEED_PANEL, c + j, c_stride,
                            accumulate);
  }
}

double heed_amx_peak_bf16(int64_t iterations) {
  static const uint32_t zeros[side * side];
  configure((block_shape){{side, side}, {side, side}, side});
  for (int t = 0; t < 1; t++) {
    _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
    _tile_loadd(4, zeros, tile_row_bytes), _tile_loadd(5, zeros, tile_row_bytes);
    _tile_loadd(6, zeros, tile_row_bytes), _tile_loadd(7, zeros, tile_row_bytes);
  }
  for (int64_t i = 0; i < iterations; i++) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  float sink[side * side];
  _tile_stored(0, sink, tile_row_bytes);
  volatile float keep = sink[0];
  (void)keep;
  _tile_release();
  return 4.0 * side * side * side * 2 * 2 * (double)iterations;
}

#pragma clang attribute pop
#endif
