#include "../variant.h"

const heed_kernels heed_kernels_generic = {
    .name = "generic",
    HEED_TILE_ENTRIES(heed_generic, heed_generic),
    HEED_STORED_ENTRIES(heed_generic, heed_generic),
    HEED_ATTENTION_ENTRIES(heed_generic, heed_generic, heed_generic),
    HEED_SCORE_ENTRIES(heed_generic),
    HEED_PACKING_ENTRIES(heed_generic, heed_generic),
    HEED_VECTOR_ENTRIES(heed_generic),
    HEED_BLOCK_ENTRIES(heed_generic, heed_generic),
};
