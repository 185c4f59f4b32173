// Names of the x86 variants. tiles.h has the entries that are written for one variant alone.

#ifndef HEED_X86_TABLES_H
#define HEED_X86_TABLES_H

#include "../variant.h"
#include "tiles.h"

HEED_DECLARE_TILES(heed_avx2)
HEED_DECLARE_PANELS(heed_avx2)
HEED_DECLARE_ATTENTION(heed_avx2)
HEED_DECLARE_STORED(heed_avx2)
HEED_DECLARE_SCORES(heed_avx2)
HEED_DECLARE_PACKING(heed_avx2)
HEED_DECLARE_VECTORS(heed_avx2)

HEED_DECLARE_TILES(heed_avx512)
HEED_DECLARE_PANELS(heed_avx512)
HEED_DECLARE_ATTENTION(heed_avx512)
HEED_DECLARE_STORED(heed_avx512)
HEED_DECLARE_SCORES(heed_avx512)
HEED_DECLARE_PACKING(heed_avx512)
HEED_DECLARE_VECTORS(heed_avx512)

HEED_DECLARE_BLOCKS(heed_avx2)
HEED_DECLARE_BLOCKS(heed_avx2vnni)
HEED_DECLARE_BLOCKS(heed_avx512vnni)

HEED_DECLARE_PACKING(heed_avx512bf16)
HEED_DECLARE_STORED_BF16(heed_avx512bf16)
double heed_avx512bf16_peak_bf16(int64_t iterations);

HEED_DECLARE_TILES(heed_amx)
HEED_DECLARE_PANELS(heed_amx)
HEED_DECLARE_STORED_BF16(heed_amx)
HEED_DECLARE_LEFT_PACKING(heed_amx)
void heed_amx_tile_to_pairs(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                            uint32_t *by_columns);
void heed_amx_tile_blocks(heed_panel_format format, ptrdiff_t m, ptrdiff_t n, ptrdiff_t blocks,
                          const int8_t *a, const float *scales, const int32_t *sums,
                          const void *panel, float *c, ptrdiff_t c_stride, int accumulate);
double heed_amx_peak_bf16(int64_t iterations);

extern const heed_kernels heed_kernels_avx2;
extern const heed_kernels heed_kernels_avx2vnni;
extern const heed_kernels heed_kernels_avx512;
extern const heed_kernels heed_kernels_avx512vnni;
extern const heed_kernels heed_kernels_avx512pairs;
extern const heed_kernels heed_kernels_avx512bf16;
extern const heed_kernels heed_kernels_amx;

#endif
