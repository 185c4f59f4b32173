// Compares every table with the plain one and with binary64, a line for each kernel.
// Usage: checks [STRIDE]: functions of one float are tried at every STRIDE-th bit pattern.

#include "checks.h"

static int failed = 0;
static uint64_t folded;
static uint64_t state;

finding begin(const heed_kernels *table, const char *kernel, const char *unit, double bound) {
  finding f = {table->name, kernel, unit, bound, 0, 0, 0};
  restart();
  return f;
}

void note(finding *f, double error, double at) {
  if (error <= f->worst) return;
  f->worst = isnan(error) ? INFINITY : error;
  f->at = at;
}

void require(finding *f, int holds) {
  if (!holds) f->broken++;
}

void finish(const finding *f) {
  int bad = !(f->worst <= f->bound) || f->broken;
  printf("%-4s %-11s %-24s %10.4g <= %g %s", bad ? "FAIL" : "ok", f->table, f->kernel, f->worst,
         f->bound, f->unit);
  if (f->worst > 0) printf(" (at %g)", f->at);
  if (f->broken) printf(" and %d broken rules", f->broken);
  printf("\n");
  failed += bad;
}

int failures(void) { return failed; }

// FNV-1a.
void digest(const void *results, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    folded = (folded ^ ((const unsigned char *)results)[i]) * 0x100000001b3u;
  }
}

double ulps(float value, double reference) {
  if (isnan(reference)) return isnan(value) ? 0 : INFINITY;
  float nearest = (float)reference;
  if (isinf(nearest) || isinf(value)) {
    // The one place where a neighbour of infinity counts as one unit away.
    if (value == nearest) return 0;
    return fabs(reference) > 3.4028234e38 && fabsf(value) > 3.4028234e38f ? 1 : INFINITY;
  }
  int exponent;
  frexp(reference, &exponent);
  double unit = ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
  return fabs((double)value - reference) / unit;
}

void restart(void) { state = 88172645463325252u; }

float number(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (float)(int64_t)(state >> 40) * 0x1p-23f - 1;
}

void fill(ptrdiff_t n, float *x) {
  for (ptrdiff_t i = 0; i < n; i++) x[i] = number();
}

enum { fence = 256, pattern = 0x5a };

void *guarded(size_t bytes) {
  unsigned char *memory = malloc(bytes + fence);
  if (!memory) exit(2);
  memset(memory, pattern, bytes + fence);
  return memory;
}

int intact(const void *memory, size_t bytes) {
  const unsigned char *end = (const unsigned char *)memory + bytes;
  for (int i = 0; i < fence; i++) {
    if (end[i] != pattern) return 0;
  }
  return 1;
}

/// A table is its name, a flag, and functions, of which none is null.
static void check_complete(const heed_kernels *table) {
  finding f = begin(table, "(all entries)", "(present)", 0);
  const unsigned char *bytes = (const unsigned char *)table;
  require(&f, table->name != NULL);
  for (size_t at = offsetof(heed_kernels, tile_f32); at < sizeof *table; at += sizeof(void *)) {
    void *entry;
    memcpy(&entry, bytes + at, sizeof entry);
    require(&f, entry != NULL);
  }
  finish(&f);
  if (f.broken) exit(1);
}

int main(int count, char **arguments) {
  long stride = count > 1 ? strtol(arguments[1], NULL, 10) : 997;
  if (stride < 1) return 2;
  for (int i = 0; heed_kernels_available(i); i++) {
    const heed_kernels *table = heed_kernels_select(heed_kernels_available(i));
    folded = 0xcbf29ce484222325u;
    check_complete(table);
    check_tiles(table);
    check_packing(table);
    check_stored(table);
    check_scores(table);
    check_functions(table, (uint32_t)stride);
    check_rows(table);
    check_vectors(table);
    check_blocks(table);
    check_conversions(table, (uint32_t)stride);
    double operations, seconds = heed_measure_peak(table, 0, 1000000, &operations);
    printf("     %-11s peak f32 %.0f Gflop/s", table->name, operations / seconds * 1e-9);
    seconds = heed_measure_peak(table, 1, 1000000, &operations);
    if (operations > 0) printf(", bf16 %.0f Gflop/s", operations / seconds * 1e-9);
    printf("\n     %-11s digest %016llx\n", table->name, (unsigned long long)folded);
  }
  check_quantizers();
  printf("%d failures\n", failures());
  return failures() ? 1 : 0;
}
