// What a variant is: one function for each entry of the table, all with one prefix.
//
// HEED_DECLARE_...(prefix) declares them, HEED_..._ENTRIES(prefix) puts them into a table. The two
// groups exist because matrix and softmax tiles are written anew for an instruction set far more
// often than the rest.

#ifndef HEED_VARIANT_H
#define HEED_VARIANT_H

#include "CHeedKernels.h"

/// Runs `iterations` rounds of independent multiply-adds in registers; returns the operations.
typedef double heed_peak_function(int64_t iterations);

#define HEED_DECLARE_TILES(prefix)                                                              \
  void prefix##_tile_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,                 \
                         ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,      \
                         ptrdiff_t c_stride, int accumulate);                                   \
  void prefix##_tile_rows_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,            \
                              const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride, \
                              int accumulate);                                                  \
  void prefix##_tile_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,             \
                          ptrdiff_t a_stride, const uint32_t *b, ptrdiff_t b_stride, float *c,  \
                          ptrdiff_t c_stride, int accumulate);                                  \
  void prefix##_tile_rows_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,        \
                               const uint32_t *b, ptrdiff_t b_stride, float *c,                 \
                               ptrdiff_t c_stride, int accumulate);

#define HEED_DECLARE_PANELS(prefix)                                                             \
  void prefix##_panels_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,               \
                           ptrdiff_t a_stride, int by_rows, const float *b,                     \
                           ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride,                \
                           int accumulate);                                                     \
  void prefix##_panels_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,           \
                            ptrdiff_t a_stride, int by_rows, const uint32_t *b,                 \
                            ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride,               \
                            int accumulate);

/// The body of a `panels` entry that takes one panel after the other by `tile`, to which both steps of a
/// are told; a constant one makes a loop of its own.
#define HEED_PANEL_BY_PANEL(tile)                                                               \
  for (ptrdiff_t j = 0; j < n; j += HEED_PANEL, b += panel_stride) {                            \
    const ptrdiff_t width = n - j < HEED_PANEL ? n - j : HEED_PANEL;                            \
    if (by_rows) {                                                                              \
      tile(m, width, k, a, a_stride, 1, b, HEED_PANEL, c + j, c_stride, accumulate);            \
    } else {                                                                                    \
      tile(m, width, k, a, 1, a_stride, b, HEED_PANEL, c + j, c_stride, accumulate);            \
    }                                                                                           \
  }

#define HEED_DECLARE_STORED(prefix)                                                             \
  void prefix##_score_keys_f32(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,           \
                               ptrdiff_t a_stride, const float *keys, ptrdiff_t key_stride,     \
                               float *c, ptrdiff_t c_stride);                                   \
  HEED_DECLARE_STORED_BF16(prefix)

#define HEED_DECLARE_STORED_BF16(prefix)                                                        \
  void prefix##_score_keys_bf16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,       \
                                ptrdiff_t a_stride, const uint32_t *keys, ptrdiff_t key_stride, \
                                float *c, ptrdiff_t c_stride);                                  \
  void prefix##_add_values_u16(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,        \
                               const uint16_t *values, ptrdiff_t value_stride, float *c,        \
                               ptrdiff_t c_stride, int accumulate);

#define HEED_DECLARE_ATTENTION(prefix)                                                            \
  void prefix##_softmax_step_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor,                \
                                 float *row_max, float *row_sum, float *correction);              \
  void prefix##_softmax_step_bf16(ptrdiff_t m, ptrdiff_t n, float *s, uint32_t *p, float factor,  \
                                  float *row_max, float *row_sum, float *correction);             \
  void prefix##_softmax_weights_f32(ptrdiff_t m, ptrdiff_t n, float *s, float factor,             \
                                    const float *lse);                                            \
  void prefix##_softmax_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *p, float *dp,         \
                                     float scale, const float *delta);                            \
  void prefix##_tile_to_pairs(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,        \
                              uint32_t *by_columns);

#define HEED_DECLARE_SCORES(prefix)                                                               \
  void prefix##_score_bias_f32(ptrdiff_t m, ptrdiff_t n, float *s, float scale,                   \
                               const float *bias, ptrdiff_t bias_stride);                         \
  void prefix##_score_cap_f32(ptrdiff_t m, ptrdiff_t n, float *s, float cap);                     \
  void prefix##_score_cap_gradient_f32(ptrdiff_t m, ptrdiff_t n, const float *s, float *ds,       \
                                       float cap);                                                \
  void prefix##_score_distance_f32(ptrdiff_t m, ptrdiff_t n, float *s, const float *slope,        \
                                   const float *center);                                          \
  void prefix##_score_range_f32(ptrdiff_t m, ptrdiff_t n, float *s, const int32_t *low,           \
                                const int32_t *high);                                             \
  void prefix##_score_mask_f32(ptrdiff_t m, ptrdiff_t n, float *s, const uint8_t *mask,           \
                               ptrdiff_t stride);

#define HEED_DECLARE_LEFT_PACKING(prefix)                                                         \
  void prefix##_pack_left_bf16(ptrdiff_t rows, ptrdiff_t k, const float *src,                     \
                               ptrdiff_t row_stride, ptrdiff_t column_stride, uint32_t *dst);

#define HEED_DECLARE_PACKING(prefix)                                                              \
  HEED_DECLARE_LEFT_PACKING(prefix)                                                               \
  void prefix##_pack_transposed_f32(ptrdiff_t rows, ptrdiff_t k, const float *src,                \
                                    ptrdiff_t row_stride, float *dst, ptrdiff_t width,            \
                                    float scale);                                                 \
  void prefix##_pack_transposed_bf16(ptrdiff_t rows, ptrdiff_t k, const float *src,               \
                                     ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width,        \
                                     float scale);                                                \
  void prefix##_pack_pairs_bf16(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride, \
                                uint32_t *dst, ptrdiff_t width, float scale);                     \
  void prefix##_pack_rows_f32(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride,   \
                              float *dst, ptrdiff_t width);                                       \
  void prefix##_pack_transposed_u32(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,             \
                                    ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width);        \
  void prefix##_pack_pairs_u16(ptrdiff_t k, ptrdiff_t n, const uint16_t *src,                     \
                               ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width);

#define HEED_DECLARE_VECTORS(prefix)                                                              \
  void prefix##_scale_rows_f32(ptrdiff_t m, ptrdiff_t n, float *c, ptrdiff_t stride,              \
                               const float *factor);                                              \
  void prefix##_exp_f32(ptrdiff_t n, const float *x, float *y);                                   \
  void prefix##_tanh_f32(ptrdiff_t n, const float *x, float *y);                                  \
  void prefix##_erf_f32(ptrdiff_t n, const float *x, float *y);                                   \
  void prefix##_activation_f32(heed_activation kind, ptrdiff_t n, const float *x, float *y);      \
  void prefix##_activation_gradient_f32(heed_activation kind, ptrdiff_t n, const float *x,        \
                                        const float *dy, float *dx);                              \
  void prefix##_softmax_rows_f32(ptrdiff_t rows, ptrdiff_t n, const float *x, float *y);          \
  void prefix##_layer_norm_f32(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,    \
                               const float *bias, float epsilon, float *y, float *mean,           \
                               float *inverse);                                                   \
  void prefix##_layer_norm_gradient_f32(ptrdiff_t rows, ptrdiff_t n, const float *x,              \
                                        const float *dy, const float *gain, const float *mean,    \
                                        const float *inverse, float *dx, float *dgain,            \
                                        float *dbias);                                            \
  void prefix##_rms_norm_f32(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,      \
                             float gain_offset, float epsilon, float *y, float *inverse);         \
  void prefix##_rms_norm_gradient_f32(ptrdiff_t rows, ptrdiff_t n, const float *x,                \
                                      const float *dy, const float *gain, float gain_offset,      \
                                      const float *inverse, float *dx, float *dgain);             \
  void prefix##_add_f32(ptrdiff_t n, const float *x, const float *y, float *z);                   \
  void prefix##_multiply_f32(ptrdiff_t n, const float *x, const float *y, float *z);              \
  void prefix##_add_scaled_f32(ptrdiff_t n, float factor, const float *x, float *y);              \
  double prefix##_sum_f32(ptrdiff_t n, const float *x);                                           \
  double prefix##_sum_of_squares_f32(ptrdiff_t n, const float *x);                                \
  float prefix##_max_f32(ptrdiff_t n, const float *x);                                            \
  float prefix##_dot_f32(ptrdiff_t n, const float *x, const float *y);                            \
  void prefix##_adamw_f32(ptrdiff_t n, float *w, const float *g, float *m, float *v,              \
                          float gradient_scale, float beta1, float beta2, float step_size,        \
                          float v_correction, float epsilon, float decay_factor);                 \
  void prefix##_bf16_from_f32(ptrdiff_t n, const float *x, uint16_t *y);                          \
  void prefix##_f32_from_bf16(ptrdiff_t n, const uint16_t *x, float *y);                          \
  void prefix##_f16_from_f32(ptrdiff_t n, const float *x, uint16_t *y);                           \
  void prefix##_f32_from_f16(ptrdiff_t n, const uint16_t *x, float *y);                           \
  float prefix##_quantize_row_i8(ptrdiff_t n, const float *x, int8_t *y);                         \
  void prefix##_dequantize_row_i8(ptrdiff_t n, const int8_t *x, float scale, float *y);           \
  double prefix##_peak_f32(int64_t iterations);

#define HEED_DECLARE_BLOCKS(prefix)                                                              \
  void prefix##_quantize_blocks_i8(ptrdiff_t n, const float *x, int8_t *y, float *scales,        \
                                   int32_t *sums);                                               \
  void prefix##_tile_blocks(heed_panel_format format, ptrdiff_t m, ptrdiff_t n,                  \
                            ptrdiff_t blocks, const int8_t *a, const float *scales,              \
                            const int32_t *sums, const void *panel, float *c,                    \
                            ptrdiff_t c_stride, int accumulate);

/// Blocks: what makes them of activations, and their products, each of its variant.
#define HEED_BLOCK_ENTRIES(prefix, products)           \
  .quantize_blocks_i8 = prefix##_quantize_blocks_i8,   \
  .tile_blocks = products##_tile_blocks

/// Tiles of f32 and of bf16, each of its variant.
#define HEED_TILE_ENTRIES(f32, bf16)                                          \
  .tile_f32 = f32##_tile_f32, .tile_rows_f32 = f32##_tile_rows_f32,           \
  .panels_f32 = f32##_panels_f32, .tile_bf16 = bf16##_tile_bf16,              \
  .tile_rows_bf16 = bf16##_tile_rows_bf16, .panels_bf16 = bf16##_panels_bf16

/// Few rows against what is stored, in f32 and in bf16, each of its variant.
#define HEED_STORED_ENTRIES(f32, bf16)              \
  .score_keys_f32 = f32##_score_keys_f32,           \
  .score_keys_bf16 = bf16##_score_keys_bf16,        \
  .add_values_u16 = bf16##_add_values_u16

/// Softmax steps that leave f32 and bf16, and what writes pairs, each of its variant.
#define HEED_ATTENTION_ENTRIES(f32, bf16, pairs)                              \
  .softmax_step_f32 = f32##_softmax_step_f32,                                 \
  .softmax_step_bf16 = bf16##_softmax_step_bf16,                              \
  .softmax_weights_f32 = f32##_softmax_weights_f32,                           \
  .softmax_gradient_f32 = f32##_softmax_gradient_f32,                         \
  .tile_to_pairs = pairs##_tile_to_pairs

/// Packing, and that of left operands, each of its variant.
#define HEED_PACKING_ENTRIES(prefix, left)                 \
  .pack_left_bf16 = left##_pack_left_bf16,                 \
  .pack_transposed_f32 = prefix##_pack_transposed_f32,     \
  .pack_transposed_bf16 = prefix##_pack_transposed_bf16,   \
  .pack_pairs_bf16 = prefix##_pack_pairs_bf16,             \
  .pack_rows_f32 = prefix##_pack_rows_f32,                 \
  .pack_transposed_u32 = prefix##_pack_transposed_u32,     \
  .pack_pairs_u16 = prefix##_pack_pairs_u16

#define HEED_SCORE_ENTRIES(prefix)                           \
  .score_bias_f32 = prefix##_score_bias_f32,                 \
  .score_cap_f32 = prefix##_score_cap_f32,                   \
  .score_cap_gradient_f32 = prefix##_score_cap_gradient_f32, \
  .score_distance_f32 = prefix##_score_distance_f32,         \
  .score_range_f32 = prefix##_score_range_f32,               \
  .score_mask_f32 = prefix##_score_mask_f32

#define HEED_VECTOR_ENTRIES(prefix)                                \
  .scale_rows_f32 = prefix##_scale_rows_f32,                       \
  .exp_f32 = prefix##_exp_f32,                                     \
  .tanh_f32 = prefix##_tanh_f32,                                   \
  .erf_f32 = prefix##_erf_f32,                                     \
  .activation_f32 = prefix##_activation_f32,                       \
  .activation_gradient_f32 = prefix##_activation_gradient_f32,     \
  .softmax_rows_f32 = prefix##_softmax_rows_f32,                   \
  .layer_norm_f32 = prefix##_layer_norm_f32,                       \
  .layer_norm_gradient_f32 = prefix##_layer_norm_gradient_f32,     \
  .rms_norm_f32 = prefix##_rms_norm_f32,                           \
  .rms_norm_gradient_f32 = prefix##_rms_norm_gradient_f32,         \
  .add_f32 = prefix##_add_f32,                                     \
  .multiply_f32 = prefix##_multiply_f32,                           \
  .add_scaled_f32 = prefix##_add_scaled_f32,                       \
  .sum_f32 = prefix##_sum_f32,                                     \
  .sum_of_squares_f32 = prefix##_sum_of_squares_f32,               \
  .max_f32 = prefix##_max_f32,                                     \
  .dot_f32 = prefix##_dot_f32,                                     \
  .adamw_f32 = prefix##_adamw_f32,                                 \
  .bf16_from_f32 = prefix##_bf16_from_f32,                         \
  .f32_from_bf16 = prefix##_f32_from_bf16,                         \
  .f16_from_f32 = prefix##_f16_from_f32,                           \
  .f32_from_f16 = prefix##_f32_from_f16,                           \
  .quantize_row_i8 = prefix##_quantize_row_i8,                     \
  .dequantize_row_i8 = prefix##_dequantize_row_i8

/// The specification: plain C, complete.
HEED_DECLARE_TILES(heed_generic)
HEED_DECLARE_PANELS(heed_generic)
HEED_DECLARE_STORED(heed_generic)
HEED_DECLARE_ATTENTION(heed_generic)
HEED_DECLARE_SCORES(heed_generic)
HEED_DECLARE_PACKING(heed_generic)
HEED_DECLARE_VECTORS(heed_generic)
HEED_DECLARE_BLOCKS(heed_generic)
extern const heed_kernels heed_kernels_generic;

#endif
