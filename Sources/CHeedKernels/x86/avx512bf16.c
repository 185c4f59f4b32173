// Packing with the instructions that round to bf16, few rows against stored keys and values, the limit of bf16 dot products.

#if defined(__x86_64__)

#include <immintrin.h>

#include "../vector/common.h"
#include "tables.h"

#pragma clang attribute push(                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))),     \
    apply_to = function)

#define HEED_PREFIX heed_avx512bf16
#define HEED_FEW_ROWS 8
#define HEED_NATIVE_BF16

#include "vec_avx512.h"

#include "../vector/loops.inc.h"
#include "../vector/packing.inc.h"
#include "../vector/stored_keys_bf16.inc.h"
#include "../vector/stored_values.inc.h"

double heed_avx512bf16_peak_bf16(int64_t iterations) {
  enum { chains = 12 };
  const __m512bh factor = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  __m512 sum[chains];
  HEED_UNROLL for (int j = 0; j < chains; j++) sum[j] = v_set((float)j);
  for (int64_t i = 0; i < iterations; i++) {
    HEED_UNROLL for (int j = 0; j < chains; j++) {
      sum[j] = _mm512_dpbf16_ps(sum[j], factor, factor);
    }
  }
  HEED_UNROLL for (int j = 1; j < chains; j++) sum[0] = v_add(sum[0], sum[j]);
  volatile float sink = v_fold_add(sum[0]);
  (void)sink;
  return 4.0 * VL * chains * (double)iterations;
}

#pragma clang attribute pop

#endif
