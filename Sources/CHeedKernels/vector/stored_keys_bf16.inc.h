// Scores with stored keys of bf16, whose neighbours along a row are pairs.

#define HEED_KIND bf16
#define HEED_WORD uint32_t
#define HEED_WORDS_OF v_as_bits
#define HEED_SET v_set_bits
#define HEED_MULTIPLY v_dot_pairs

#include "stored_keys.inc.h"

#undef HEED_KIND
#undef HEED_WORD
#undef HEED_WORDS_OF
#undef HEED_SET
#undef HEED_MULTIPLY
