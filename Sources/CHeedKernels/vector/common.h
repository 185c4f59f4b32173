// Shared by the files *.inc.h, which are written once over a small vocabulary of vectors and
// compiled once for each instruction set (x86/avx2.c, x86/avx512.c, arm/neon.c).
//
// The vocabulary (x86/vec_*.h, arm/vec_*.h): VL floats are a `vf`, VL words of 32 bits a `vi`, DL
// doubles a `vd`; a "part" is the first `count` of them. v_fma(x, y, z) is x * y + z, v_nfma is
// z - x * y. v_min and v_max give their SECOND argument where one is a NaN, so a constant comes
// first. v_scale(x, n) is x * 2^n with one rounding. All of these are exactly rounded, and sums
// have lanes of their own that do not depend on VL, so every instruction set gives the same bits.

#ifndef HEED_VECTOR_COMMON_H
#define HEED_VECTOR_COMMON_H

#include <math.h>
#include <string.h>

#include "../variant.h"

#define HEED_JOIN_(a, b) a##b
#define HEED_JOIN(a, b) HEED_JOIN_(a, b)
/// The function of this variant: HEED_PREFIX is defined by the file that includes the templates.
#define HEED_NAME(name) HEED_JOIN(HEED_PREFIX, name)

#define HEED_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define HEED_UNROLL _Pragma("clang loop unroll(full)")
#else
#define HEED_UNROLL _Pragma("GCC unroll 32")
#endif

/// Into the second cache: on Zen 4 better than into the first even for what is read next. Addresses past
/// the end of what is read do no harm.
#define HEED_PREFETCH_NEAR(p) __builtin_prefetch((p), 0, 2)

static inline ptrdiff_t heed_smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

#endif
