#include "../variant.h"

const heed_kernels heed_kernels_generic = {
    .name = "generic",
    .tile_f32 = heed_generic_tile_f32,
    .tile_rows_f32 = heed_generic_tile_rows_f32,
    .tile_bf16 = heed_generic_tile_bf16,
    .tile_rows_bf16 = heed_generic_tile_rows_bf16,
    .panels_f32 = heed_generic_panels_f32,
    .panels_bf16 = heed_generic_panels_bf16,
    .softmax_step_f32 = heed_generic_softmax_step_f32,
    .softmax_step_bf16 = heed_generic_softmax_step_bf16,
    .softmax_weights_f32 = heed_generic_softmax_weights_f32,
    .softmax_gradient_f32 = heed_generic_softmax_gradient_f32,
    .tile_to_pairs = heed_generic_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_generic),
    HEED_PACKING_ENTRIES(heed_generic),
    HEED_VECTOR_ENTRIES(heed_generic),
    HEED_BLOCK_ENTRIES(heed_generic),
};
