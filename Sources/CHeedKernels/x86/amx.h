// What the files that use tile registers share: giving the registers their shapes.

#ifndef HEED_X86_AMX_H
#define HEED_X86_AMX_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define AMX_INLINE static inline __attribute__((always_inline))

/// What LDTILECFG reads: for each of eight tile registers its rows and the bytes of a row.
typedef struct {
  uint8_t palette, start_row, zeros[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_shapes;

/// Gives the registers their shapes. Doing so takes as long as a whole small product (114 ns on
/// Emerald Rapids), so they are asked first (12 ns), and keep their shapes between calls.
AMX_INLINE __attribute__((target("amx-tile"))) void amx_configure(const tile_shapes *shapes) {
  tile_shapes present;
  _tile_storeconfig(&present);
  if (memcmp(&present, shapes, sizeof present) != 0) _tile_loadconfig(shapes);
}

#endif
