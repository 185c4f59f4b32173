// The vector vocabulary (vector/common.h) in AVX-512 F, BW, VL, DQ.
// Included inside a region whose target has these features.

#include <immintrin.h>

#define VL 16
#define DL 8
typedef __m512 vf;
typedef __m512i vi;
typedef __m512d vd;
typedef __mmask16 vm;

static inline __mmask16 v_first(ptrdiff_t count) { return (__mmask16)((1u << count) - 1u); }

static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline vf v_load_part(const float *p, ptrdiff_t count) {
  return _mm512_maskz_loadu_ps(v_first(count), p);
}
static inline void v_store_part(float *p, vf x, ptrdiff_t count) {
  _mm512_mask_storeu_ps(p, v_first(count), x);
}
static inline vi v_load_bits(const uint32_t *p) { return _mm512_loadu_si512(p); }
static inline vi v_load_bits_part(const uint32_t *p, ptrdiff_t count) {
  return _mm512_maskz_loadu_epi32(v_first(count), p);
}
static inline void v_store_bits(uint32_t *p, vi x) { _mm512_storeu_si512(p, x); }
static inline void v_store_bits_part(uint32_t *p, vi x, ptrdiff_t count) {
  _mm512_mask_storeu_epi32(p, v_first(count), x);
}

static inline vf v_set(float x) { return _mm512_set1_ps(x); }
static inline vf v_places(void) {
  return _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}
static inline vf v_add(vf x, vf y) { return _mm512_add_ps(x, y); }
static inline vf v_sub(vf x, vf y) { return _mm512_sub_ps(x, y); }
static inline vf v_mul(vf x, vf y) { return _mm512_mul_ps(x, y); }
static inline vf v_div(vf x, vf y) { return _mm512_div_ps(x, y); }
static inline vf v_sqrt(vf x) { return _mm512_sqrt_ps(x); }
static inline vf v_fma(vf x, vf y, vf z) { return _mm512_fmadd_ps(x, y, z); }
static inline vf v_nfma(vf x, vf y, vf z) { return _mm512_fnmadd_ps(x, y, z); }
static inline vf v_min(vf x, vf y) { return _mm512_min_ps(x, y); }
static inline vf v_max(vf x, vf y) { return _mm512_max_ps(x, y); }
static inline vf v_abs(vf x) { return _mm512_abs_ps(x); }
static inline vf v_round(vf x) { return _mm512_roundscale_ps(x, 0x08); }
static inline vf v_scale(vf x, vf n) { return _mm512_scalef_ps(x, n); }
static inline vf v_copy_sign(vf x, vf sign) {
  return _mm512_or_ps(_mm512_abs_ps(x), _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
static inline vm v_less(vf x, vf y) { return _mm512_cmp_ps_mask(x, y, _CMP_LT_OQ); }
static inline vm v_equal(vf x, vf y) { return _mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ); }
static inline vf v_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }

// 16 lanes to one: halves of 8, 4, 2, 1.
static inline float v_fold_add(vf x) {
  __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
static inline float v_fold_max(vf x) { return _mm512_reduce_max_ps(x); }

static inline vd vd_zero(void) { return _mm512_setzero_pd(); }
static inline vd vd_low(vf x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
static inline vd vd_high(vf x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
static inline vd vd_add(vd x, vd y) { return _mm512_add_pd(x, y); }
static inline vd vd_fma(vd x, vd y, vd z) { return _mm512_fmadd_pd(x, y, z); }
static inline void vd_store(double *p, vd x) { _mm512_storeu_pd(p, x); }

// ---- bf16, f16, int8

static inline vi v_bf16_bits(vf x) {
  vi bits = _mm512_castps_si512(x);
  vi odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  vi rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
}
static inline void v_store_bf16(uint16_t *p, vf x) {
  vi high = _mm512_srli_epi32(v_bf16_bits(x), 16);
  _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi32_epi16(high));
}
static inline vf v_load_bf16(const uint16_t *p) {
  __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)p);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
static inline vf v_load_bf16_part(const uint16_t *p, ptrdiff_t count) {
  __m256i half = _mm256_maskz_loadu_epi16(v_first(count), p);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
static inline void v_store_f16(uint16_t *p, vf x) {
  _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf v_load_f16(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline void v_store_i8(int8_t *p, vf x) {
  _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
}
static inline vf v_load_i8(const int8_t *p) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

static inline vf v_pair_low(vi pairs) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}
static inline vf v_pair_high(vi pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)));
}
static inline vi v_set_bits(uint32_t x) { return _mm512_set1_epi32((int)x); }

#ifdef HEED_NATIVE_BF16
static inline vf v_dot_pairs(vi a, vi b, vf sum) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
#else
/// sum + a's lower half times b's, then the higher ones.
static inline vf v_dot_pairs(vi a, vi b, vf sum) {
  return v_fma(v_pair_high(a), v_pair_high(b), v_fma(v_pair_low(a), v_pair_low(b), sum));
}
#endif

/// Pairs of floats whose lower halves are zeros.
static inline vi v_join_pairs(vf low, vf high) {
  return _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(low), 16),
                         _mm512_castps_si512(high));
}

#ifdef HEED_NATIVE_BF16
static inline vi v_pair_columns(vf low, vf high) {
  const vi order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                    23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}
static inline vi v_pair_neighbours(vf first, vf second) {
  return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}
#else
static inline vi v_pair_columns(vf low, vf high) {
  vi upper = _mm512_and_si512(v_bf16_bits(high), _mm512_set1_epi32((int)0xffff0000));
  return _mm512_or_si512(_mm512_srli_epi32(v_bf16_bits(low), 16), upper);
}
static inline vi v_pair_neighbours(vf first, vf second) {
  const vi order = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33,
                                    31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(v_bf16_bits(first), order, v_bf16_bits(second));
}
#endif

static inline vf v_as_float(vi x) { return _mm512_castsi512_ps(x); }
static inline vi v_as_bits(vf x) { return _mm512_castps_si512(x); }

// 16 x 16: neighbours of 1, then of 2 within each 128 bits, then 128-bit parts in two rounds.
static inline __attribute__((always_inline)) void v_transpose(vf x[16]) {
  vf t[16];
  HEED_UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
  }
  HEED_UNROLL for (int i = 0; i < 16; i += 4) {
    __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]);
    __m512d c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
    x[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    x[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    x[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    x[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
  HEED_UNROLL for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
  }
  HEED_UNROLL for (int i = 0; i < 4; i++) {
    x[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    x[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    x[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    x[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
}
