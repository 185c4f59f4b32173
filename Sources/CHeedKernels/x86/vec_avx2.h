// The vector vocabulary in AVX2, FMA and F16C.
// Included inside a region whose target has these features.

#include <immintrin.h>

#define VL 8
#define DL 4
typedef __m256 vf;
typedef __m256i vi;
typedef __m256d vd;
typedef __m256 vm;

/// All bits in the first `count` lanes.
static inline __m256i v_first(ptrdiff_t count) {
  static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256((const __m256i *)(const void *)(window + 8 - count));
}

static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
static inline vf v_load_part(const float *p, ptrdiff_t count) {
  return _mm256_maskload_ps(p, v_first(count));
}
static inline void v_store_part(float *p, vf x, ptrdiff_t count) {
  _mm256_maskstore_ps(p, v_first(count), x);
}
static inline vi v_load_bits(const uint32_t *p) {
  return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
static inline vi v_load_bits_part(const uint32_t *p, ptrdiff_t count) {
  return _mm256_maskload_epi32((const int *)(const void *)p, v_first(count));
}
static inline void v_store_bits(uint32_t *p, vi x) {
  _mm256_storeu_si256((__m256i *)(void *)p, x);
}
static inline void v_store_bits_part(uint32_t *p, vi x, ptrdiff_t count) {
  _mm256_maskstore_epi32((int *)(void *)p, v_first(count), x);
}

static inline vf v_set(float x) { return _mm256_set1_ps(x); }
static inline vf v_places(void) { return _mm256_set_ps(7, 6, 5, 4, 3, 2, 1, 0); }
static inline vf v_add(vf x, vf y) { return _mm256_add_ps(x, y); }
static inline vf v_sub(vf x, vf y) { return _mm256_sub_ps(x, y); }
static inline vf v_mul(vf x, vf y) { return _mm256_mul_ps(x, y); }
static inline vf v_div(vf x, vf y) { return _mm256_div_ps(x, y); }
static inline vf v_sqrt(vf x) { return _mm256_sqrt_ps(x); }
static inline vf v_fma(vf x, vf y, vf z) { return _mm256_fmadd_ps(x, y, z); }
static inline vf v_nfma(vf x, vf y, vf z) { return _mm256_fnmadd_ps(x, y, z); }
static inline vf v_min(vf x, vf y) { return _mm256_min_ps(x, y); }
static inline vf v_max(vf x, vf y) { return _mm256_max_ps(x, y); }
static inline vf v_abs(vf x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
static inline vf v_round(vf x) { return _mm256_round_ps(x, 0x08); }
static inline vf v_copy_sign(vf x, vf sign) {
  return _mm256_or_ps(v_abs(x), _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}
static inline vm v_less(vf x, vf y) { return _mm256_cmp_ps(x, y, _CMP_LT_OQ); }
static inline vm v_equal(vf x, vf y) { return _mm256_cmp_ps(x, y, _CMP_EQ_OQ); }
static inline vf v_select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }

// In two steps, because one factor 2^n need not be a float where the product is one. The first
// product is exact, so there is one rounding.
static inline vf v_scale(vf x, vf n) {
  vi whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  vi rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);
  vi first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  vi second = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
  x = _mm256_mul_ps(x, _mm256_castsi256_ps(first));
  return _mm256_mul_ps(x, _mm256_castsi256_ps(second));
}

// 8 lanes to one: halves of 4, 2, 1.
static inline float v_fold_add(vf x) {
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
static inline float v_fold_max(vf x) {
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

static inline vd vd_zero(void) { return _mm256_setzero_pd(); }
static inline vd vd_low(vf x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
static inline vd vd_high(vf x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
static inline vd vd_add(vd x, vd y) { return _mm256_add_pd(x, y); }
static inline vd vd_fma(vd x, vd y, vd z) { return _mm256_fmadd_pd(x, y, z); }
static inline void vd_store(double *p, vd x) { _mm256_storeu_pd(p, x); }

// ---- bf16, f16, int8

static inline vi v_bf16_bits(vf x) {
  vi bits = _mm256_castps_si256(x);
  vi odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  vi rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  vi quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  vi nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  return _mm256_blendv_epi8(rounded, quiet, nan);
}
/// The upper halves of 8 + 8 words, in order.
static inline vi v_upper_halves(vi first, vi second) {
  vi packed = _mm256_packus_epi32(_mm256_srli_epi32(first, 16), _mm256_srli_epi32(second, 16));
  return _mm256_permute4x64_epi64(packed, 0xd8);
}
static inline void v_store_bf16(uint16_t *p, vf x) {
  vi packed = v_upper_halves(v_bf16_bits(x), _mm256_setzero_si256());
  _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(packed));
}
static inline vf v_load_bf16(const uint16_t *p) {
  __m128i half = _mm_loadu_si128((const __m128i *)(const void *)p);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
/// Zeros after `count` values.
static inline vf v_load_bf16_part(const uint16_t *p, ptrdiff_t count) {
  uint16_t values[VL] = {0};
  memcpy(values, p, (size_t)count * sizeof *values);
  return v_load_bf16(values);
}
static inline void v_store_f16(uint16_t *p, vf x) {
  _mm_storeu_si128((__m128i *)(void *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf v_load_f16(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
static inline void v_store_i8(int8_t *p, vf x) {
  vi whole = _mm256_cvtps_epi32(x);
  __m128i low = _mm256_castsi256_si128(whole), high = _mm256_extracti128_si256(whole, 1);
  __m128i words = _mm_packs_epi32(low, high);
  _mm_storel_epi64((__m128i *)(void *)p, _mm_packs_epi16(words, words));
}
static inline vf v_load_i8(const int8_t *p) {
  __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

static inline vf v_pair_low(vi pairs) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}
static inline vf v_pair_high(vi pairs) {
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000)));
}
static inline vi v_set_bits(uint32_t x) { return _mm256_set1_epi32((int)x); }

/// sum + a's lower half times b's, then the higher ones.
static inline vf v_dot_pairs(vi a, vi b, vf sum) {
  return v_fma(v_pair_high(a), v_pair_high(b), v_fma(v_pair_low(a), v_pair_low(b), sum));
}

/// Pairs of floats whose lower halves are zeros.
static inline vi v_join_pairs(vf low, vf high) {
  return _mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(low), 16),
                         _mm256_castps_si256(high));
}
static inline vi v_pair_columns(vf low, vf high) {
  vi upper = _mm256_and_si256(v_bf16_bits(high), _mm256_set1_epi32((int)0xffff0000));
  return _mm256_or_si256(_mm256_srli_epi32(v_bf16_bits(low), 16), upper);
}
static inline vi v_pair_neighbours(vf first, vf second) {
  return v_upper_halves(v_bf16_bits(first), v_bf16_bits(second));
}

static inline vf v_as_float(vi x) { return _mm256_castsi256_ps(x); }
static inline vi v_as_bits(vf x) { return _mm256_castps_si256(x); }

// 8 x 8: neighbours of 1, then of 2 within each 128 bits, then 128-bit halves.
static inline __attribute__((always_inline)) void v_transpose(vf x[8]) {
  vf t[8];
  HEED_UNROLL for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
  HEED_UNROLL for (int i = 0; i < 8; i += 4) {
    x[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    x[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    x[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    x[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  HEED_UNROLL for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
  }
  HEED_UNROLL for (int i = 0; i < 8; i++) x[i] = t[i];
}
