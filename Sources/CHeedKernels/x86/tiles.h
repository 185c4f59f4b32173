// Entries of the x86 tables that have files of their own.
#ifndef HEED_X86_TILES_H
#define HEED_X86_TILES_H

#include "CHeedKernels.h"

void heed_avx512_tile_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                          ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,
                          ptrdiff_t c_stride, int accumulate);
void heed_avx512_tile_rows_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                               const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                               int accumulate);
void heed_avx512_softmax_step_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor, float *row_max,
                                  float *row_sum, float *correction);
void heed_avx512_softmax_weights_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor,
                                     const float *lse);
void heed_avx512_softmax_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *p, float *dp,
                                      float scale, const float *delta);

void heed_avx512bf16_tile_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                               ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,
                               ptrdiff_t c_stride, int accumulate);
void heed_avx512bf16_tile_rows_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                    const uint32_t *b, ptrdiff_t b_stride, float *c,
                                    ptrdiff_t c_stride, int accumulate);
void heed_avx512bf16_panels_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                                 ptrdiff_t a_stride, int by_rows, const uint32_t *b,
                                 ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride,
                                 int accumulate);
void heed_avx512bf16_softmax_step_bf16(ptrdiff_t m, ptrdiff_t n, float *s, uint32_t *p,
                                       float factor, float *row_max, float *row_sum,
                                       float *correction);
void heed_avx512bf16_tile_to_pairs(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                                   uint32_t *by_columns);

#endif
