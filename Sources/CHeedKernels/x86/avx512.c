// The templates of vector/ in AVX-512 F, BW, VL and DQ: 32 registers of 16 floats. The tiles and
// the f32 softmax steps are written for these alone, in tiles_avx512.c and tiles_avx512pairs.c.

#if defined(__x86_64__)

#include <immintrin.h>

#include "../vector/common.h"
#include "tables.h"

#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),       \
    apply_to = function)

#define HEED_PREFIX heed_avx512
#define HEED_FEW_ROWS 8

#include "vec_avx512.h"

#include "../vector/loops.inc.h"
#include "../vector/math.inc.h"
#include "../vector/functions.inc.h"
#include "../vector/rows.inc.h"
#include "../vector/vectors.inc.h"
#include "../vector/conversions.inc.h"
#include "../vector/packing.inc.h"
#include "../vector/scores.inc.h"
#include "../vector/softmax.inc.h"
#include "../vector/softmax_bf16.inc.h"
#include "../vector/pairs.inc.h"
#include "../vector/stored_keys_f32.inc.h"
#include "../vector/stored_keys_bf16.inc.h"
#include "../vector/stored_values.inc.h"

#pragma clang attribute pop

#endif
