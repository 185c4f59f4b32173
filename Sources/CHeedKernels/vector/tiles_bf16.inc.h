// Matrix tiles of pairs of bf16. Where no instruction multiplies pairs, v_dot_pairs makes floats of
// both halves in registers and adds the lower first.

#define HEED_KIND bf16
#define HEED_WORD uint32_t
#define HEED_WORDS vi
#define HEED_LOAD v_load_bits
#define HEED_LOAD_PART v_load_bits_part
#define HEED_SET v_set_bits
#define HEED_MULTIPLY v_dot_pairs
#define HEED_ROW_STRIDE (HEED_SCORE_STRIDE / 2)

#include "tiles.inc.h"

#undef HEED_KIND
#undef HEED_WORD
#undef HEED_WORDS
#undef HEED_LOAD
#undef HEED_LOAD_PART
#undef HEED_SET
#undef HEED_MULTIPLY
#undef HEED_ROW_STRIDE
