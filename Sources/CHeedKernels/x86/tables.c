// The x86 tables, each entry by name.

#if defined(__x86_64__)

#include "tables.h"

const heed_kernels heed_kernels_avx2 = {
    .name = "avx2",
    HEED_TILE_ENTRIES(heed_avx2, heed_avx2),
    HEED_STORED_ENTRIES(heed_avx2, heed_avx2),
    HEED_ATTENTION_ENTRIES(heed_avx2, heed_avx2, heed_avx2),
    HEED_SCORE_ENTRIES(heed_avx2),
    HEED_PACKING_ENTRIES(heed_avx2, heed_avx2),
    HEED_VECTOR_ENTRIES(heed_avx2),
    HEED_BLOCK_ENTRIES(heed_avx2, heed_avx2),
};

/// With int8 dot products of 256 bits.
const heed_kernels heed_kernels_avx2vnni = {
    .name = "avx2vnni",
    HEED_TILE_ENTRIES(heed_avx2, heed_avx2),
    HEED_STORED_ENTRIES(heed_avx2, heed_avx2),
    HEED_ATTENTION_ENTRIES(heed_avx2, heed_avx2, heed_avx2),
    HEED_SCORE_ENTRIES(heed_avx2),
    HEED_PACKING_ENTRIES(heed_avx2, heed_avx2),
    HEED_VECTOR_ENTRIES(heed_avx2),
    HEED_BLOCK_ENTRIES(heed_avx2vnni, heed_avx2vnni),
};

const heed_kernels heed_kernels_avx512 = {
    .name = "avx512",
    HEED_TILE_ENTRIES(heed_avx512, heed_avx512),
    HEED_STORED_ENTRIES(heed_avx512, heed_avx512),
    HEED_ATTENTION_ENTRIES(heed_avx512, heed_avx512, heed_avx512),
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512, heed_avx512),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx2, heed_avx2),
};

/// With int8 dot products.
const heed_kernels heed_kernels_avx512vnni = {
    .name = "avx512vnni",
    HEED_TILE_ENTRIES(heed_avx512, heed_avx512),
    HEED_STORED_ENTRIES(heed_avx512, heed_avx512),
    HEED_ATTENTION_ENTRIES(heed_avx512, heed_avx512, heed_avx512),
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512, heed_avx512),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni, heed_avx512vnni),
};

/// Rounds to bf16 by instructions, but multiplies pairs by f32 multiply-adds.
const heed_kernels heed_kernels_avx512pairs = {
    .name = "avx512pairs",
    HEED_TILE_ENTRIES(heed_avx512, heed_avx512),
    HEED_STORED_ENTRIES(heed_avx512, heed_avx512),
    HEED_ATTENTION_ENTRIES(heed_avx512, heed_avx512bf16, heed_avx512bf16),
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512bf16, heed_avx512bf16),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni, heed_avx512vnni),
};

const heed_kernels heed_kernels_avx512bf16 = {
    .name = "avx512bf16",
    HEED_TILE_ENTRIES(heed_avx512, heed_avx512bf16),
    HEED_STORED_ENTRIES(heed_avx512, heed_avx512bf16),
    HEED_ATTENTION_ENTRIES(heed_avx512, heed_avx512bf16, heed_avx512bf16),
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512bf16, heed_avx512bf16),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni, heed_avx512vnni),
};

/// With tile registers for products of bf16.
const heed_kernels heed_kernels_amx = {
    .name = "amx",
    .left_by_rows = 1,
    HEED_TILE_ENTRIES(heed_avx512, heed_amx),
    HEED_STORED_ENTRIES(heed_avx512, heed_amx),
    HEED_ATTENTION_ENTRIES(heed_avx512, heed_avx512bf16, heed_amx),
    HEED_SCORE_ENTRIES(heed_avx512),
    HEED_PACKING_ENTRIES(heed_avx512bf16, heed_amx),
    HEED_VECTOR_ENTRIES(heed_avx512),
    HEED_BLOCK_ENTRIES(heed_avx512vnni, heed_amx),
};

#endif
