// Names of the arm variants.

#ifndef HEED_ARM_TABLES_H
#define HEED_ARM_TABLES_H

#include "../variant.h"

HEED_DECLARE_TILES(heed_neon)
HEED_DECLARE_PANELS(heed_neon)
HEED_DECLARE_ATTENTION(heed_neon)
HEED_DECLARE_STORED(heed_neon)
HEED_DECLARE_SCORES(heed_neon)
HEED_DECLARE_PACKING(heed_neon)
HEED_DECLARE_VECTORS(heed_neon)

HEED_DECLARE_BLOCKS(heed_neon)
HEED_DECLARE_BLOCKS(heed_neondot)

HEED_DECLARE_TILES(heed_neonbf16)
HEED_DECLARE_PANELS(heed_neonbf16)
HEED_DECLARE_STORED_BF16(heed_neonbf16)
double heed_neonbf16_peak_bf16(int64_t iterations);

extern const heed_kernels heed_kernels_neon;
extern const heed_kernels heed_kernels_neondot;
extern const heed_kernels heed_kernels_neonbf16;

#endif
