// Scores with stored keys of floats.

#define HEED_KIND f32
#define HEED_WORD float
#define HEED_WORDS_OF(x) (x)
#define HEED_SET v_set
#define HEED_MULTIPLY v_fma

#include "stored_keys.inc.h"

#undef HEED_KIND
#undef HEED_WORD
#undef HEED_WORDS_OF
#undef HEED_SET
#undef HEED_MULTIPLY
