// The arm tables, each entry by name.

#if defined(__aarch64__)

#include "tables.h"

const heed_kernels heed_kernels_neon = {
    .name = "neon",
    HEED_TILE_ENTRIES(heed_neon, heed_neon),
    HEED_STORED_ENTRIES(heed_neon, heed_neon),
    HEED_ATTENTION_ENTRIES(heed_neon, heed_neon, heed_neon),
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon, heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
    HEED_BLOCK_ENTRIES(heed_neon, heed_neon),
};

/// With int8 dot products.
const heed_kernels heed_kernels_neondot = {
    .name = "neondot",
    HEED_TILE_ENTRIES(heed_neon, heed_neon),
    HEED_STORED_ENTRIES(heed_neon, heed_neon),
    HEED_ATTENTION_ENTRIES(heed_neon, heed_neon, heed_neon),
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon, heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
    HEED_BLOCK_ENTRIES(heed_neondot, heed_neondot),
};

const heed_kernels heed_kernels_neonbf16 = {
    .name = "neonbf16",
    HEED_TILE_ENTRIES(heed_neon, heed_neonbf16),
    HEED_STORED_ENTRIES(heed_neon, heed_neonbf16),
    HEED_ATTENTION_ENTRIES(heed_neon, heed_neon, heed_neon),
    HEED_SCORE_ENTRIES(heed_neon),
    HEED_PACKING_ENTRIES(heed_neon, heed_neon),
    HEED_VECTOR_ENTRIES(heed_neon),
    HEED_BLOCK_ENTRIES(heed_neondot, heed_neondot),
};

#endif
