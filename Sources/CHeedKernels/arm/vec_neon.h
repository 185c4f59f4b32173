// The vector vocabulary in NEON, the base of 64-bit arm; HEED_NATIVE_BF16: with bf16 dot products.

#include <arm_neon.h>

#define VL 4
#define DL 2
typedef float32x4_t vf;
typedef uint32x4_t vi;
typedef float64x2_t vd;
typedef uint32x4_t vm;

// No masked loads here: parts go through a copy of known size.
static inline vf v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vf x) { vst1q_f32(p, x); }
static inline vf v_load_part(const float *p, ptrdiff_t count) {
  float copy[4] = {0};
  memcpy(copy, p, (size_t)count * sizeof *p);
  return vld1q_f32(copy);
}
static inline void v_store_part(float *p, vf x, ptrdiff_t count) {
  float copy[4];
  vst1q_f32(copy, x);
  memcpy(p, copy, (size_t)count * sizeof *p);
}
static inline vi v_load_bits(const uint32_t *p) { return vld1q_u32(p); }
static inline vi v_load_bits_part(const uint32_t *p, ptrdiff_t count) {
  uint32_t copy[4] = {0};
  memcpy(copy, p, (size_t)count * sizeof *p);
  return vld1q_u32(copy);
}
static inline void v_store_bits(uint32_t *p, vi x) { vst1q_u32(p, x); }
static inline void v_store_bits_part(uint32_t *p, vi x, ptrdiff_t count) {
  uint32_t copy[4];
  vst1q_u32(copy, x);
  memcpy(p, copy, (size_t)count * sizeof *p);
}

static inline vf v_set(float x) { return vdupq_n_f32(x); }
static inline vf v_places(void) {
  static const float places[4] = {0, 1, 2, 3};
  return vld1q_f32(places);
}
static inline vf v_add(vf x, vf y) { return vaddq_f32(x, y); }
static inline vf v_sub(vf x, vf y) { return vsubq_f32(x, y); }
static inline vf v_mul(vf x, vf y) { return vmulq_f32(x, y); }
static inline vf v_div(vf x, vf y) { return vdivq_f32(x, y); }
static inline vf v_sqrt(vf x) { return vsqrtq_f32(x); }
static inline vf v_fma(vf x, vf y, vf z) { return vfmaq_f32(z, x, y); }
static inline vf v_nfma(vf x, vf y, vf z) { return vfmsq_f32(z, x, y); }
static inline vf v_abs(vf x) { return vabsq_f32(x); }
static inline vf v_round(vf x) { return vrndnq_f32(x); }
static inline vf v_copy_sign(vf x, vf sign) {
  return vbslq_f32(vdupq_n_u32(0x80000000u), sign, x);
}
static inline vm v_less(vf x, vf y) { return vcltq_f32(x, y); }
static inline vm v_equal(vf x, vf y) { return vceqq_f32(x, y); }
static inline vf v_select(vm m, vf yes, vf no) { return vbslq_f32(m, yes, no); }
// The machine's own min and max treat a NaN differently from x86's.
static inline vf v_min(vf x, vf y) { return v_select(vcltq_f32(x, y), x, y); }
static inline vf v_max(vf x, vf y) { return v_select(vcgtq_f32(x, y), x, y); }

// In two steps, because one factor 2^n need not be a float where the product is one. The first
// product is exact, so there is one rounding.
static inline vf v_scale(vf x, vf n) {
  int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1);
  int32x4_t rest = vsubq_s32(whole, half), bias = vdupq_n_s32(127);
  int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
  int32x4_t second = vshlq_n_s32(vaddq_s32(rest, bias), 23);
  x = vmulq_f32(x, vreinterpretq_f32_s32(first));
  return vmulq_f32(x, vreinterpretq_f32_s32(second));
}

// 4 lanes to one: halves of 2, 1.
static inline float v_fold_add(vf x) {
  float32x2_t half = vadd_f32(vget_low_f32(x), vget_high_f32(x));
  return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}
static inline float v_fold_max(vf x) { return vmaxvq_f32(x); }

static inline vd vd_zero(void) { return vdupq_n_f64(0); }
static inline vd vd_low(vf x) { return vcvt_f64_f32(vget_low_f32(x)); }
static inline vd vd_high(vf x) { return vcvt_high_f64_f32(x); }
static inline vd vd_add(vd x, vd y) { return vaddq_f64(x, y); }
static inline vd vd_fma(vd x, vd y, vd z) { return vfmaq_f64(z, x, y); }
static inline void vd_store(double *p, vd x) { vst1q_f64(p, x); }

// ---- bf16, f16, int8

static inline vi v_bf16_bits(vf x) {
  vi bits = vreinterpretq_u32_f32(x);
  vi odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  vi rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  vi number = vceqq_f32(x, x);
  return vbslq_u32(number, rounded, vorrq_u32(bits, vdupq_n_u32(0x400000)));
}
static inline void v_store_bf16(uint16_t *p, vf x) { vst1_u16(p, vshrn_n_u32(v_bf16_bits(x), 16)); }
static inline vf v_load_bf16(const uint16_t *p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
/// Zeros after `count` values.
static inline vf v_load_bf16_part(const uint16_t *p, ptrdiff_t count) {
  uint16_t values[VL] = {0};
  memcpy(values, p, (size_t)count * sizeof *values);
  return v_load_bf16(values);
}
static inline void v_store_f16(uint16_t *p, vf x) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
}
static inline vf v_load_f16(const uint16_t *p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
static inline void v_store_i8(int8_t *p, vf x) {
  int16x4_t words = vqmovn_s32(vcvtnq_s32_f32(x));
  int8x8_t bytes = vqmovn_s16(vcombine_s16(words, words));
  int8_t copy[8];
  vst1_s8(copy, bytes);
  memcpy(p, copy, 4);
}
static inline vf v_load_i8(const int8_t *p) {
  int8_t copy[8] = {0};
  memcpy(copy, p, 4);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(copy)))));
}

static inline vf v_pair_low(vi pairs) { return vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16)); }
static inline vf v_pair_high(vi pairs) {
  return vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000u)));
}
static inline vi v_set_bits(uint32_t x) { return vdupq_n_u32(x); }

#ifdef HEED_NATIVE_BF16
static inline vf v_dot_pairs(vi a, vi b, vf sum) {
  return vbfdotq_f32(sum, vreinterpretq_bf16_u32(a), vreinterpretq_bf16_u32(b));
}
#else
/// sum + a's lower half times b's, then the higher ones.
static inline vf v_dot_pairs(vi a, vi b, vf sum) {
  return v_fma(v_pair_high(a), v_pair_high(b), v_fma(v_pair_low(a), v_pair_low(b), sum));
}
#endif

/// Pairs of floats whose lower halves are zeros.
static inline vi v_join_pairs(vf low, vf high) {
  return vorrq_u32(vshrq_n_u32(vreinterpretq_u32_f32(low), 16), vreinterpretq_u32_f32(high));
}
static inline vi v_pair_columns(vf low, vf high) {
  vi upper = vandq_u32(v_bf16_bits(high), vdupq_n_u32(0xffff0000u));
  return vorrq_u32(vshrq_n_u32(v_bf16_bits(low), 16), upper);
}
static inline vi v_pair_neighbours(vf first, vf second) {
  uint16x8_t a = vreinterpretq_u16_u32(v_bf16_bits(first));
  uint16x8_t b = vreinterpretq_u16_u32(v_bf16_bits(second));
  return vreinterpretq_u32_u16(vuzp2q_u16(a, b));
}

static inline vf v_as_float(vi x) { return vreinterpretq_f32_u32(x); }
static inline vi v_as_bits(vf x) { return vreinterpretq_u32_f32(x); }

static inline __attribute__((always_inline)) void v_transpose(vf x[4]) {
  float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(x[0], x[1]));
  float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(x[0], x[1]));
  float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(x[2], x[3]));
  float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(x[2], x[3]));
  x[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
  x[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
  x[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
  x[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}
