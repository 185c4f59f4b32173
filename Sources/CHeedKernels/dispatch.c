// Which table a processor can run. No vector code here: this file runs before anything is known.

#define _POSIX_C_SOURCE 199309L

#include <string.h>
#include <time.h>

#include "arm/tables.h"
#include "features.h"
#include "variant.h"
#include "x86/tables.h"

/// Variants from the plain one to the best; a processor that can run one can run those before it.
typedef struct {
  const heed_kernels *table;
  heed_feature needs;
  /// What must be there for it to be chosen unasked.
  heed_feature prefers;
  heed_peak_function *peak_f32;
  heed_peak_function *peak_bf16;
} variant;

static const variant variants[] = {
    {&heed_kernels_generic, HEED_FEATURE_NONE, HEED_FEATURE_NONE, heed_generic_peak_f32, NULL},
#if defined(__x86_64__)
    {&heed_kernels_avx2, HEED_FEATURE_AVX2, HEED_FEATURE_AVX2, heed_avx2_peak_f32, NULL},
    {&heed_kernels_avx2vnni, HEED_FEATURE_AVX2VNNI, HEED_FEATURE_AVX2VNNI, heed_avx2_peak_f32, NULL},
    {&heed_kernels_avx512, HEED_FEATURE_AVX512, HEED_FEATURE_AVX512, heed_avx512_peak_f32, NULL},
    {&heed_kernels_avx512vnni, HEED_FEATURE_AVX512VNNI, HEED_FEATURE_AVX512VNNI,
     heed_avx512_peak_f32, NULL},
    {&heed_kernels_avx512pairs, HEED_FEATURE_AVX512BF16, HEED_FEATURE_AVX512BF16,
     heed_avx512_peak_f32, heed_avx512_peak_f32},
    {&heed_kernels_avx512bf16, HEED_FEATURE_AVX512BF16, HEED_FEATURE_AVX512DOTS,
     heed_avx512_peak_f32, heed_avx512bf16_peak_bf16},
    {&heed_kernels_amx, HEED_FEATURE_AMX, HEED_FEATURE_AMX, heed_avx512_peak_f32,
     heed_amx_peak_bf16},
#elif defined(__aarch64__)
    {&heed_kernels_neon, HEED_FEATURE_NEON, HEED_FEATURE_NEON, heed_neon_peak_f32, NULL},
    {&heed_kernels_neondot, HEED_FEATURE_NEONDOT, HEED_FEATURE_NEONDOT, heed_neon_peak_f32, NULL},
    {&heed_kernels_neonbf16, HEED_FEATURE_NEONBF16, HEED_FEATURE_NEONBF16, heed_neon_peak_f32,
     heed_neonbf16_peak_bf16},
#endif
};

enum { variant_count = sizeof variants / sizeof variants[0] };

static const variant *available(int i) {
  for (int at = 0; at < variant_count; at++) {
    if (heed_has_feature(variants[at].needs) && i-- == 0) return &variants[at];
  }
  return NULL;
}

static const variant *find(const char *name) {
  for (int i = 0; i < variant_count; i++) {
    if (strcmp(variants[i].table->name, name) == 0) return &variants[i];
  }
  return NULL;
}

const heed_kernels *heed_kernels_select(const char *name) {
  if (name && name[0]) {
    const variant *named = find(name);
    return named && heed_has_feature(named->needs) ? named->table : NULL;
  }
  // Each look at a feature asks the processor, which a virtual machine answers slowly: once for each table.
  const heed_kernels *best = &heed_kernels_generic;
  for (int i = 0; i < variant_count; i++) {
    const variant *each = &variants[i];
    if (heed_has_feature(each->needs) &&
        (each->prefers == each->needs || heed_has_feature(each->prefers))) {
      best = each->table;
    }
  }
  return best;
}

const char *heed_kernels_available(int i) {
  const variant *found = i < 0 ? NULL : available(i);
  return found ? found->table->name : NULL;
}

// Tables may be copied by value, so they are told apart by name.
int heed_kernels_has_bf16(const heed_kernels *table) {
  const variant *found = find(table->name);
  return found && found->peak_bf16;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double heed_measure_peak(const heed_kernels *table, int bf16, int64_t iterations,
                         double *operations) {
  const variant *found = find(table->name);
  heed_peak_function *peak = found ? bf16 ? found->peak_bf16 : found->peak_f32 : NULL;
  *operations = 0;
  double start = seconds();
  if (peak) *operations = peak(iterations);
  return seconds() - start;
}
