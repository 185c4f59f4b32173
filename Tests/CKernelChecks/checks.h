// What the checks of the kernels share: numbers, sizes, guarded memory, one line for each kernel.

#ifndef KERNEL_CHECKS_H
#define KERNEL_CHECKS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CHeedKernels.h"

static const ptrdiff_t sizes[] = {1, 2, 3, 7, 13, 16, 17, 64, 65, 130};
enum { size_count = sizeof sizes / sizeof sizes[0] };

/// The largest error of one kernel, in a unit that its bound has too.
typedef struct {
  const char *table, *kernel, *unit;
  double bound, worst, at;
  int broken;  // a rule without a measure: bits that differ, memory that was touched
} finding;

finding begin(const heed_kernels *table, const char *kernel, const char *unit, double bound);
void note(finding *f, double error, double at);
void require(finding *f, int holds);
void finish(const finding *f);
int failures(void);

/// Folds results into the digest of the table that is checked. Tables written over vectors have the
/// same digest, here and on another processor.
void digest(const void *results, size_t bytes);

/// Distance in units of the last place of a float near `reference`; 0 where both are the same NaN
/// or infinity.
double ulps(float value, double reference);

/// Uniform in [-1, 1), the same numbers every time.
float number(void);
void restart(void);
void fill(ptrdiff_t n, float *x);

/// n bytes after which a pattern lies; `intact` says whether it still does.
void *guarded(size_t bytes);
int intact(const void *memory, size_t bytes);

void check_tiles(const heed_kernels *table);
void check_packing(const heed_kernels *table);
void check_stored(const heed_kernels *table);
void check_scores(const heed_kernels *table);
void check_functions(const heed_kernels *table, uint32_t stride);
void check_rows(const heed_kernels *table);
void check_vectors(const heed_kernels *table);
void check_blocks(const heed_kernels *table);
void check_quantizers(void);
void check_conversions(const heed_kernels *table, uint32_t stride);

#endif
