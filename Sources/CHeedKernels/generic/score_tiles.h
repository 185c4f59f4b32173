// Entries of the generic table in score_tiles.c.
#ifndef HEED_GENERIC_SCORE_TILES_H
#define HEED_GENERIC_SCORE_TILES_H

#include "CHeedKernels.h"

void heed_generic_score_bias_f32(ptrdiff_t m, ptrdiff_t n, float *s, float scale,
                                 const float *bias, ptrdiff_t bias_stride);
void heed_generic_score_cap_f32(ptrdiff_t m, ptrdiff_t n, float *s, float cap);
void heed_generic_score_cap_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *s, float *ds,
                                         float cap);
void heed_generic_score_distance_f32(ptrdiff_t m, ptrdiff_t n, float *s, const float *slope,
                                     const float *center);
void heed_generic_score_range_f32(ptrdiff_t m, ptrdiff_t n, float *s, const int32_t *low,
                                  const int32_t *high);
void heed_generic_score_mask_f32(ptrdiff_t m, ptrdiff_t n, float *s, const uint8_t *mask,
                                 ptrdiff_t stride);
void heed_generic_pack_transposed_u32(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,
                                      ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width);
void heed_generic_pack_pairs_u16(ptrdiff_t k, ptrdiff_t n, const uint16_t *src,
                                 ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width);

#endif
