// Packing for the tiles, the specification.

#include "../variant.h"
#include "scalar.h"

void heed_generic_pack_transposed_f32(ptrdiff_t rows, ptrdiff_t k, const float *src,
                                      ptrdiff_t row_stride, float *dst, ptrdiff_t width,
                                      float scale) {
  for (ptrdiff_t kk = 0; kk < k; kk++) {
    for (ptrdiff_t row = 0; row < width; row++) {
      dst[kk * width + row] = row < rows ? src[row * row_stride + kk] * scale : 0;
    }
  }
}

void heed_generic_pack_transposed_bf16(ptrdiff_t rows, ptrdiff_t k, const float *src,
                                       ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width,
                                       float scale) {
  for (ptrdiff_t kk = 0; kk < k; kk += 2) {
    for (ptrdiff_t row = 0; row < width; row++) {
      const float *x = src + row * row_stride + kk;
      uint32_t pair = 0;
      if (row < rows) pair = heed_pair(x[0] * scale, kk + 1 < k ? x[1] * scale : 0);
      dst[kk / 2 * width + row] = pair;
    }
  }
}

void heed_generic_pack_pairs_bf16(ptrdiff_t k, ptrdiff_t n, const float *src,
                                  ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width,
                                  float scale) {
  for (ptrdiff_t kk = 0; kk < k; kk += 2) {
    for (ptrdiff_t j = 0; j < width; j++) {
      const float *x = src + kk * row_stride + j;
      uint32_t pair = 0;
      if (j < n) pair = heed_pair(x[0] * scale, kk + 1 < k ? x[row_stride] * scale : 0);
      dst[kk / 2 * width + j] = pair;
    }
  }
}

void heed_generic_pack_transposed_u32(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,
                                      ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk++)
    for (ptrdiff_t row = 0; row < width; row++)
      dst[kk * width + row] = row < rows ? src[row * row_stride + kk] : 0;
}

void heed_generic_pack_left_bf16(ptrdiff_t rows, ptrdiff_t k, const float *src,
                                 ptrdiff_t row_stride, ptrdiff_t column_stride, uint32_t *dst) {
  if (column_stride == 1) {
    heed_generic_pack_transposed_bf16(rows, k, src, row_stride, dst, rows, 1);
  } else {
    heed_generic_pack_pairs_bf16(k, rows, src, column_stride, dst, rows, 1);
  }
}

void heed_generic_pack_pairs_u16(ptrdiff_t k, ptrdiff_t n, const uint16_t *src,
                                 ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk += 2)
    for (ptrdiff_t j = 0; j < width; j++) {
      const uint32_t low = j < n ? src[kk * row_stride + j] : 0;
      const uint32_t high = j < n && kk + 1 < k ? src[(kk + 1) * row_stride + j] : 0;
      dst[kk / 2 * width + j] = low | high << 16;
    }
}

void heed_generic_pack_rows_f32(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride,
                                float *dst, ptrdiff_t width) {
  for (ptrdiff_t kk = 0; kk < k; kk++) {
    for (ptrdiff_t j = 0; j < width; j++) {
      dst[kk * width + j] = j < n ? src[kk * row_stride + j] : 0;
    }
  }
}
