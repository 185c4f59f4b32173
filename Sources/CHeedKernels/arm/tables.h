// Names of the arm variant.

#ifndef HEED_ARM_TABLES_H
#define HEED_ARM_TABLES_H

#include "../variant.h"

HEED_DECLARE_TILES(heed_neon)
HEED_DECLARE_ATTENTION(heed_neon)
HEED_DECLARE_SCORES(heed_neon)
HEED_DECLARE_PACKING(heed_neon)
HEED_DECLARE_VECTORS(heed_neon)

extern const heed_kernels heed_kernels_neon;

#endif
