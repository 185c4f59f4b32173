// The templates of vector/ in NEON: 32 registers of 4 floats.

#if defined(__aarch64__)

#include "../vector/common.h"
#include "tables.h"

#define HEED_PREFIX heed_neon
#define HEED_TILE_ROWS 6
#define HEED_TILE_COLUMNS 4
#define HEED_PAIR_ROWS 4

#include "vec_neon.h"

#include "../vector/loops.inc.h"
#include "../vector/math.inc.h"
#include "../vector/functions.inc.h"
#include "../vector/rows.inc.h"
#include "../vector/vectors.inc.h"
#include "../vector/conversions.inc.h"
#include "../vector/packing.inc.h"
#include "../vector/scores.inc.h"
#include "../vector/softmax.inc.h"
#include "../vector/softmax_f32.inc.h"
#include "../vector/softmax_bf16.inc.h"
#include "../vector/pairs.inc.h"
#include "../vector/tiles_f32.inc.h"
#include "../vector/tiles_bf16.inc.h"

const heed_kernels heed_kernels_neon = {
    .name = "neon",
    .tile_f32 = heed_neon_tile_f32,
    .tile_rows_f32 = heed_neon_tile_rows_f32,
    .tile_bf16 = heed_neon_tile_bf16,
    .tile_rows_bf16 = heed_neon_tile_rows_bf16,
    .softmax_step_f32 = heed_neon_softmax_step_f32,
    .softmax_step_bf16 = heed_neon_softmax_step_bf16,
    .softmax_weights_f32 = heed_neon_softmax_weights_f32,
    .softmax_gradient_f32 = heed_neon_softmax_gradient_f32,
    .tile_to_pairs = heed_neon_tile_to_pairs,
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
};

#endif
