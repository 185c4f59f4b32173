// The templates of vector/ in AVX2, FMA and F16C: 16 registers of 8 floats.

#if defined(__x86_64__)

#include <immintrin.h>

#include "../vector/common.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define HEED_PREFIX heed_avx2
#define HEED_FEW_ROWS 4
#define HEED_TILE_ROWS 6
#define HEED_TILE_COLUMNS 2

#include "vec_avx2.h"

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
#include "../vector/stored_keys_f32.inc.h"
#include "../vector/stored_keys_bf16.inc.h"
#include "../vector/stored_values.inc.h"
#include "../vector/tiles_f32.inc.h"

// The two halves of each pair of b take registers too.
#undef HEED_TILE_ROWS
#define HEED_TILE_ROWS 4
#include "../vector/tiles_bf16.inc.h"

#pragma clang attribute pop

#endif
