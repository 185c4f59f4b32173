// Matrix tiles of floats.

#define HEED_KIND f32
#define HEED_WORD float
#define HEED_WORDS vf
#define HEED_LOAD v_load
#define HEED_LOAD_PART v_load_part
#define HEED_SET v_set
#define HEED_MULTIPLY v_fma
#define HEED_ROW_STRIDE HEED_SCORE_STRIDE

#include "tiles.inc.h"

#undef HEED_KIND
#undef HEED_WORD
#undef HEED_WORDS
#undef HEED_LOAD
#undef HEED_LOAD_PART
#undef HEED_SET
#undef HEED_MULTIPLY
#undef HEED_ROW_STRIDE
