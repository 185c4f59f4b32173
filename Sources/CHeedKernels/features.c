// What the processor and the operating system allow. On x86 cpuid and xgetbv, written out, because
// the compiler's own detection needs a runtime library that not every linker brings.

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE  // syscall()
#endif

#include "features.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/// Intel's processors do a bf16 dot product every two cycles but two multiply-adds in each (seen on
/// Emerald Rapids: 86 against 175 GFLOP/s); AMD's do as many of the one as of the other.
static int has_slow_dots(void) {
  unsigned a, b, c, d;
  const unsigned genu = 0x756e6547;  // "Genu", the first letters of GenuineIntel
  return __get_cpuid(0, &a, &b, &c, &d) && b == genu;
}

/// Register state that the operating system saves: bits of XCR0.
static unsigned saved_state(void) {
  unsigned low, high;
  __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// Linux saves tile registers only for processes that asked for it; asking again costs nothing.
static int may_use_tiles(void) {
#if defined(__linux__)
  enum { request_permission = 0x1023, tile_data = 18 };  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return 0;
#endif
}

int heed_has_feature(heed_feature feature) {
  if (feature == HEED_FEATURE_NONE) return 1;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  const unsigned base = fma | osxsave | avx | f16c;
  if ((c & base) != base) return 0;

  unsigned state = saved_state();
  const unsigned vectors = 0x6, vectors512 = 0xe6;  // XMM, YMM; and masks, both halves of ZMM
  if ((state & vectors) != vectors) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  const unsigned avx2 = 1u << 5;
  if (!(b & avx2)) return 0;
  if (feature == HEED_FEATURE_AVX2) return 1;
  if (feature == HEED_FEATURE_AVX2VNNI) {
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
  }

  const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  const unsigned avx512 = f | dq | bw | vl;
  if ((state & vectors512) != vectors512 || (b & avx512) != avx512) return 0;
  if (feature == HEED_FEATURE_AVX512) return 1;
  if (!(c >> 11 & 1)) return 0;
  if (feature == HEED_FEATURE_AVX512VNNI) return 1;
  const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25;  // bf16, tile, int8
  const int has_tiles = (d & amx) == amx;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 5 & 1)) return 0;
  if (feature == HEED_FEATURE_AVX512BF16) return 1;
  if (feature == HEED_FEATURE_AVX512DOTS) return !has_slow_dots();
  const unsigned tile_state = 0x60000;  // configuration and data
  if (feature == HEED_FEATURE_AMX) {
    return has_tiles && (state & tile_state) == tile_state && may_use_tiles();
  }
  return 0;
}

#elif defined(__aarch64__)

#if defined(__APPLE__)
#include <stddef.h>
#include <sys/sysctl.h>

static int has(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

static int has_dot(void) { return has("hw.optional.arm.FEAT_DotProd"); }
static int has_bf16(void) { return has("hw.optional.arm.FEAT_BF16") && has_dot(); }
#elif defined(__linux__)
#include <sys/auxv.h>

static int has_dot(void) {
  const unsigned long dot = 1ul << 20;  // HWCAP_ASIMDDP
  return (getauxval(AT_HWCAP) & dot) != 0;
}

static int has_bf16(void) {
  const unsigned long bf16 = 1ul << 14;  // HWCAP2_BF16
  return (getauxval(AT_HWCAP2) & bf16) != 0 && has_dot();
}
#else
static int has_dot(void) { return 0; }
static int has_bf16(void) { return 0; }
#endif

int heed_has_feature(heed_feature feature) {
  // Vectors with fused multiply-add and half conversions belong to the base of 64-bit arm.
  if (feature == HEED_FEATURE_NEONDOT) return has_dot();
  if (feature == HEED_FEATURE_NEONBF16) return has_bf16();
  return feature == HEED_FEATURE_NONE || feature == HEED_FEATURE_NEON;
}

#else

int heed_has_feature(heed_feature feature) { return feature == HEED_FEATURE_NONE; }

#endif
