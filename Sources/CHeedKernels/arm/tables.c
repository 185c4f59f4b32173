// The arm tables, each entry by name.

#if defined(__aarch64__)

#include "tables.h"

const heed_kernels heed_kernels_neon = {
    .name = "neon",
    .tile_f32 = heed_neon_tile_f32,
    .tile_rows_f32 = heed_neon_tile_rows_f32,
    .tile_bf16 = heed_neon_tile_bf16,
    .tile_rows_bf16 = heed_neon_tile_rows_bf16,
    .panels_f32 = heed_neon_panels_f32,
    .panels_bf16 = heed_neon_panels_bf16,
    .softmax_step_f32 = heed_neon_softmax_step_f32,
    .softmax_step_bf16 = heed_neon_softmax_step_bf16,
    .softmax_weights_f32 = heed_neon_softmax_weights_f32,
    .softmax_gradient_f32 = heed_neon_softmax_gradient_f32,
    .tile_to_pairs = heed_neon_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
    HEED_BLOCK_ENTRIES(heed_neon),
};

/// With int8 dot products.
const heed_kernels heed_kernels_neondot = {
    .name = "neondot",
    .tile_f32 = heed_neon_tile_f32,
    .tile_rows_f32 = heed_neon_tile_rows_f32,
    .tile_bf16 = heed_neon_tile_bf16,
    .tile_rows_bf16 = heed_neon_tile_rows_bf16,
    .panels_f32 = heed_neon_panels_f32,
    .panels_bf16 = heed_neon_panels_bf16,
    .softmax_step_f32 = heed_neon_softmax_step_f32,
    .softmax_step_bf16 = heed_neon_softmax_step_bf16,
    .softmax_weights_f32 = heed_neon_softmax_weights_f32,
    .softmax_gradient_f32 = heed_neon_softmax_gradient_f32,
    .tile_to_pairs = heed_neon_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
    HEED_BLOCK_ENTRIES(heed_neondot),
};

const heed_kernels heed_kernels_neonbf16 = {
    .name = "neonbf16",
    .tile_f32 = heed_neon_tile_f32,
    .tile_rows_f32 = heed_neon_tile_rows_f32,
    .tile_bf16 = heed_neonbf16_tile_bf16,
    .tile_rows_bf16 = heed_neonbf16_tile_rows_bf16,
    .panels_f32 = heed_neon_panels_f32,
    .panels_bf16 = heed_neonbf16_panels_bf16,
    .softmax_step_f32 = heed_neon_softmax_step_f32,
    .softmax_step_bf16 = heed_neon_softmax_step_bf16,
    .softmax_weights_f32 = heed_neon_softmax_weights_f32,
    .softmax_gradient_f32 = heed_neon_softmax_gradient_f32,
    .tile_to_pairs = heed_neon_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
    HEED_BLOCK_ENTRIES(heed_neondot),
};

#endif
