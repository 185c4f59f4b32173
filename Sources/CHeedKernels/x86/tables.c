// The x86 tables, each entry by name.

#if defined(__x86_64__)

#include "tables.h"

const heed_kernels heed_kernels_avx2 = {
    .name = "avx2",
    .tile_f32 = heed_avx2_tile_f32,
    .tile_rows_f32 = heed_avx2_tile_rows_f32,
    .tile_bf16 = heed_avx2_tile_bf16,
    .tile_rows_bf16 = heed_avx2_tile_rows_bf16,
    .panels_f32 = heed_avx2_panels_f32,
    .panels_bf16 = heed_avx2_panels_bf16,
    .softmax_step_f32 = heed_avx2_softmax_step_f32,
    .softmax_step_bf16 = heed_avx2_softmax_step_bf16,
    .softmax_weights_f32 = heed_avx2_softmax_weights_f32,
    .softmax_gradient_f32 = heed_avx2_softmax_gradient_f32,
    .tile_to_pairs = heed_avx2_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_avx2),
    HEED_PACKING_ENTRIES(heed_avx2),
    HEED_VECTOR_ENTRIES(heed_avx2),
    HEED_BLOCK_ENTRIES(heed_avx2),
};

/// With int8 dot products of 256 bits.
const heed_kernels heed_kernels_avx2vnni = {
    .name = "avx2vnni",
    .tile_f32 = heed_avx2_tile_f32,
    .tile_rows_f32 = heed_avx2_tile_rows_f32,
    .tile_bf16 = heed_avx2_tile_bf16,
    .tile_rows_bf16 = heed_avx2_tile_rows_bf16,
    .panels_f32 = heed_avx2_panels_f32,
    .panels_bf16 = heed_avx2_panels_bf16,
    .softmax_step_f32 = heed_avx2_softmax_step_f32,
    .softmax_step_bf16 = heed_avx2_softmax_step_bf16,
    .softmax_weights_f32 = heed_avx2_softmax_weights_f32,
    .softmax_gradient_f32 = heed_avx2_softmax_gradient_f32,
    .tile_to_pairs = heed_avx2_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_avx2),
    HEED_PACKING_ENTRIES(heed_avx2),
    HEED_VECTOR_ENTRIES(heed_avx2),
    HEED_BLOCK_ENTRIES(heed_avx2vnni),
};

const heed_kernels heed_kernels_avx512 = {
    .name = "avx512",
    .tile_f32 = heed_avx512_tile_f32,
    .tile_rows_f32 = heed_avx512_tile_rows_f32,
    .tile_bf16 = heed_avx512_tile_bf16,
    .tile_rows_bf16 = heed_avx512_tile_rows_bf16,
    .panels_f32 = heed_avx512_panels_f32,
    .panels_bf16 = heed_avx512_panels_bf16,
    .softmax_step_f32 = heed_avx512_softmax_step_f32,
    .softmax_step_bf16 = heed_avx512_softmax_step_bf16,
    .softmax_weights_f32 = heed_avx512_softmax_weights_f32,
    .softmax_gradient_f32 = heed_avx512_softmax_gradient_f32,
    .tile_to_pairs = heed_avx512_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx2),
};

/// With int8 dot products.
const heed_kernels heed_kernels_avx512vnni = {
    .name = "avx512vnni",
    .tile_f32 = heed_avx512_tile_f32,
    .tile_rows_f32 = heed_avx512_tile_rows_f32,
    .tile_bf16 = heed_avx512_tile_bf16,
    .tile_rows_bf16 = heed_avx512_tile_rows_bf16,
    .panels_f32 = heed_avx512_panels_f32,
    .panels_bf16 = heed_avx512_panels_bf16,
    .softmax_step_f32 = heed_avx512_softmax_step_f32,
    .softmax_step_bf16 = heed_avx512_softmax_step_bf16,
    .softmax_weights_f32 = heed_avx512_softmax_weights_f32,
    .softmax_gradient_f32 = heed_avx512_softmax_gradient_f32,
    .tile_to_pairs = heed_avx512_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni),
};

/// Rounds to bf16 by instructions, but multiplies pairs by f32 multiply-adds.
const heed_kernels heed_kernels_avx512pairs = {
    .name = "avx512pairs",
    .tile_f32 = heed_avx512_tile_f32,
    .tile_rows_f32 = heed_avx512_tile_rows_f32,
    .tile_bf16 = heed_avx512_tile_bf16,
    .tile_rows_bf16 = heed_avx512_tile_rows_bf16,
    .panels_f32 = heed_avx512_panels_f32,
    .panels_bf16 = heed_avx512_panels_bf16,
    .softmax_step_f32 = heed_avx512_softmax_step_f32,
    .softmax_step_bf16 = heed_avx512bf16_softmax_step_bf16,
    .softmax_weights_f32 = heed_avx512_softmax_weights_f32,
    .softmax_gradient_f32 = heed_avx512_softmax_gradient_f32,
    .tile_to_pairs = heed_avx512bf16_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512bf16),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni),
};

const heed_kernels heed_kernels_avx512bf16 = {
    .name = "avx512bf16",
    .tile_f32 = heed_avx512_tile_f32,
    .tile_rows_f32 = heed_avx512_tile_rows_f32,
    .tile_bf16 = heed_avx512bf16_tile_bf16,
    .tile_rows_bf16 = heed_avx512bf16_tile_rows_bf16,
    .panels_f32 = heed_avx512_panels_f32,
    .panels_bf16 = heed_avx512bf16_panels_bf16,
    .softmax_step_f32 = heed_avx512_softmax_step_f32,
    .softmax_step_bf16 = heed_avx512bf16_softmax_step_bf16,
    .softmax_weights_f32 = heed_avx512_softmax_weights_f32,
    .softmax_gradient_f32 = heed_avx512_softmax_gradient_f32,
    .tile_to_pairs = heed_avx512bf16_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512bf16),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni),
};

#endif
