// Matrix tiles over pairs by the bf16 dot products of arm 8.6.

#if defined(__aarch64__)

#include "../vector/common.h"
#include "tables.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("bf16"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+bf16")
#endif

#define HEED_PREFIX heed_neonbf16
#define HEED_FEW_ROWS 4
#define HEED_TILE_ROWS 6
#define HEED_TILE_COLUMNS 4
#define HEED_NATIVE_BF16

#include "vec_neon.h"

#include "../vector/loops.inc.h"
#include "../vector/tiles_bf16.inc.h"
#include "../vector/stored_keys_bf16.inc.h"
#include "../vector/stored_values.inc.h"

double heed_neonbf16_peak_bf16(int64_t iterations) {
  enum { chains = 12 };
  const vi factor = v_set_bits(0x3f013f01u);
  vf sum[chains];
  HEED_UNROLL for (int j = 0; j < chains; j++) sum[j] = v_set((float)j);
  for (int64_t i = 0; i < iterations; i++) {
    HEED_UNROLL for (int j = 0; j < chains; j++) sum[j] = v_dot_pairs(factor, factor, sum[j]);
  }
  HEED_UNROLL for (int j = 1; j < chains; j++) sum[0] = v_add(sum[0], sum[j]);
  volatile float sink = v_fold_add(sum[0]);
  (void)sink;
  return 4.0 * VL * chains * (double)iterations;
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
