// Blocks of small weights with int8 dot products of 256 bits (AVX-VNNI).

#if defined(__x86_64__)

#include <immintrin.h>

#include "../vector/common.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)

#define HEED_PREFIX heed_avx2vnni
#define MIDDLE8 128
#define DOT8 _mm256_dpbusd_avx_epi32
#define DOT7 _mm256_dpbusd_avx_epi32

#include "blocks_avx2.inc.h"

#include "../vector/loops.inc.h"
#include "../vector/blocks.inc.h"

#pragma clang attribute pop

#endif
