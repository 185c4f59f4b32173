// From rows of blocks, as files have them, to panels. Most types need words of four values moved and
// no more: nibbles lie in files as panels want them, four lower ones beside the four that are 16
// further on. This runs once for each weight, at the speed of memory.

#include <math.h>

#include "types.h"

heed_panel_format heed_panel_format_of(heed_block_type type) {
  switch (type) {
    case HEED_Q4_0: return HEED_PANEL_4;
    case HEED_Q4_1:
    case HEED_Q4_K: return HEED_PANEL_4_OFFSET;
    case HEED_Q5_1:
    case HEED_Q5_K: return HEED_PANEL_8_OFFSET;
    case HEED_Q6_K: return HEED_PANEL_6;
    default: return HEED_PANEL_8;
  }
}

ptrdiff_t heed_panel_bytes(heed_panel_format format) {
  switch (format) {
    case HEED_PANEL_8: return HEED_PANEL * (2 + HEED_BLOCK_WIDTH);
    case HEED_PANEL_8_OFFSET: return HEED_PANEL * (4 + HEED_BLOCK_WIDTH);
    case HEED_PANEL_4: return HEED_PANEL * (2 + HEED_BLOCK_WIDTH / 2);
    case HEED_PANEL_4_OFFSET: return HEED_PANEL * (4 + HEED_BLOCK_WIDTH / 2);
    case HEED_PANEL_6: return HEED_PANEL * (2 + HEED_BLOCK_WIDTH * 3 / 4) + 2 * HEED_PANEL / HEED_BLOCK_RUN;
  }
  return 0;
}

/// One output's place in a block of a panel.
typedef struct {
  uint8_t *scale, *offset, *q;
} place;

static place place_of(heed_panel_format format, uint8_t *block, ptrdiff_t output) {
  const int has_offset = format == HEED_PANEL_8_OFFSET || format == HEED_PANEL_4_OFFSET;
  return (place){block + 2 * output, block + 2 * (HEED_PANEL + output),
                 block + 2 * HEED_PANEL * (1 + has_offset) + 4 * output};
}

/// Words of four bytes, `count` of them, to every panel-th word.
static void put_words(uint8_t *q, const uint8_t *x, int count, uint32_t turn) {
  for (int g = 0; g < count; g++) {
    uint32_t word;
    memcpy(&word, x + 4 * g, 4);
    word ^= turn;
    memcpy(q + 4 * HEED_PANEL * g, &word, 4);
  }
}

/// A number that f16 has: beyond its range the largest one, which no real weight needs.
static float in_range(float x) { return fminf(fmaxf(x, -65504), 65504); }

static void pack_fours(place to, const uint8_t *x) {
  int8_t q[32];
  heed_put_half(to.scale, in_range(heed_read_fours(x, q)));
  put_words(to.q, (const uint8_t *)q, 8, 0x80808080u);
}

static void pack_fives(place to, const uint8_t *nibbles, uint32_t fifth, int middle) {
  uint8_t q[32];
  for (int j = 0; j < 16; j++) {
    q[j] = (uint8_t)((nibbles[j] & 15) + (fifth >> j & 1) * 16 + middle);
    q[j + 16] = (uint8_t)((nibbles[j] >> 4) + (fifth >> (j + 16) & 1) * 16 + middle);
  }
  put_words(to.q, q, 8, 0);
}

/// 32 values of a row of blocks of 32.
static void pack_small(heed_block_type type, const uint8_t *x, place to) {
  if (type == HEED_MXFP4) {
    pack_fours(to, x);
    return;
  }
  memcpy(to.scale, x, 2);
  switch (type) {
    case HEED_Q8_0: put_words(to.q, x + 2, 8, 0x80808080u); break;
    case HEED_Q4_0: put_words(to.q, x + 2, 4, 0); break;
    case HEED_Q4_1:
      memcpy(to.offset, x + 2, 2);
      put_words(to.q, x + 4, 4, 0);
      break;
    case HEED_Q5_0: pack_fives(to, x + 6, heed_word_at(x + 2), 128 - 16); break;
    default:
      memcpy(to.offset, x + 2, 2);
      pack_fives(to, x + 8, heed_word_at(x + 4), 0);
      break;
  }
}

/// Part `part` of the eight of a block of 256 of two-level scales.
static void pack_part(heed_block_type type, const uint8_t *x, int part, place to) {
  const heed_part read = heed_read_part(type, x, part);
  heed_put_half(to.scale, in_range(read.scale));
  heed_put_half(to.offset, in_range(-read.least));
  if (type == HEED_Q5_K) {
    put_words(to.q, read.q, 8, 0);
    return;
  }
  uint8_t both[16];
  for (int j = 0; j < 16; j++) both[j] = (uint8_t)(read.q[j] | read.q[j + 16] << 4);
  put_words(to.q, both, 4, 0);
}

/// A block of Q6_K as a run of blocks of 6 bits.
static void pack_sixes(const uint8_t *x, uint8_t *run, ptrdiff_t output) {
  memcpy(run + 2 * output, x + 208, 2);
  uint8_t *block = run + 2 * HEED_PANEL;
  for (int part = 0; part < HEED_BLOCK_RUN; part++) {
    const heed_sixes read = heed_read_sixes(x, part);
    uint8_t lower[16], upper[8] = {0};
    for (int j = 0; j < 16; j++) {
      const uint8_t near = read.q[j], far = read.q[j + 16];
      lower[j] = (uint8_t)((near & 15) | far << 4);
      upper[j / 8 * 4 + j % 4] |= (uint8_t)((near >> 4 | far >> 4 << 2) << (j / 4 % 2 * 4));
    }
    for (int half = 0; half < 2; half++) block[half * HEED_PANEL + output] = (uint8_t)read.scales[half];
    uint8_t *q = block + 2 * HEED_PANEL + 4 * output;
    put_words(q, lower, 4, 0);
    put_words(q + 4 * 4 * HEED_PANEL, upper, 2, 0);
    block += HEED_PANEL * (2 + HEED_BLOCK_WIDTH * 3 / 4);
  }
}

void heed_pack_panel(heed_block_type type, ptrdiff_t rows, ptrdiff_t width, const void *source,
                     ptrdiff_t row_bytes, void *target) {
  const heed_panel_format format = heed_panel_format_of(type);
  const ptrdiff_t bytes = heed_panel_bytes(format), block = heed_block_bytes(type);
  uint8_t *panel = target;
  if (rows < HEED_PANEL) memset(panel, 0, (size_t)(width / HEED_BLOCK_WIDTH * bytes));
  const ptrdiff_t wide = heed_block_width(type), parts = wide / HEED_BLOCK_WIDTH;
  const ptrdiff_t blocks = width / wide, at_once = 16 / parts;
  // A run of blocks of one row, then of the next: rows are streams that the processor foresees, and the
  // blocks of the panel stay in the first cache until all rows are in them.
  for (ptrdiff_t first = 0; first < blocks; first += at_once) {
    const ptrdiff_t end = first + at_once < blocks ? first + at_once : blocks;
    for (ptrdiff_t row = 0; row < rows; row++) {
      const uint8_t *x = (const uint8_t *)source + row * row_bytes + first * block;
      for (ptrdiff_t b = first; b < end; b++, x += block) {
        uint8_t *to_block = panel + b * parts * bytes;
        if (parts == 1) {
          pack_small(type, x, place_of(format, to_block, row));
          continue;
        }
        if (type == HEED_Q6_K) {
          pack_sixes(x, to_block, row);
          continue;
        }
        for (int part = 0; part < 8; part++) {
          pack_part(type, x, part, place_of(format, to_block + part * bytes, row));
        }
      }
    }
  }
}
