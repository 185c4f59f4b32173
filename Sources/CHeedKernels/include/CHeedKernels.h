// CHeedKernels: the inner loops, one table of functions for each instruction set.
//
// A kernel works on raw pointers. It knows no tensor, no thread, no memory but what it is given.
// Every table is complete: a variant that has no better loop for an entry takes the one of the
// table below it, down to `generic`, which is the specification of every entry (plain C, readable).
//
// Order of sums. Entries that sum over k in matrix tiles (tile_*) add in the order of k, whatever m
// and n are: a row computed alone has the same bits as the same row computed with others, and
// summing k in two calls (accumulate = 1) has the bits of one call, in bf16 where the second begins
// at a multiple of HEED_PAIR_GROUP pairs. Zeros behind the last k change nothing. Everything above
// relies on this.

#ifndef CHEED_KERNELS_H
#define CHEED_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Row stride, in elements of 4 bytes, of the score tiles that the attention works on (keys of
/// one block). A compile-time constant, so that a tile's rows are addressed by displacement alone.
#define HEED_SCORE_STRIDE 128

/// Width, in columns, of the packed panels of matrices, the same for every variant, so that a
/// packed weight is valid whatever the instruction set.
#define HEED_PANEL 32

// Tables are constant, and Swift may pass them between threads.
#if defined(__has_attribute)
#if __has_attribute(swift_attr)
#define HEED_SENDABLE __attribute__((swift_attr("@Sendable")))
#endif
#endif
#ifndef HEED_SENDABLE
#define HEED_SENDABLE
#endif

/// Pairs of bf16 that a table may sum on their own before it adds them to c: calls that continue a
/// sum (accumulate 1) begin at a multiple of it.
#define HEED_PAIR_GROUP 16

/// Activation functions of `activation` and `activation_gradient`.
typedef enum {
  HEED_ACTIVATION_GELU_ERF = 0,   // x * Phi(x), exact
  HEED_ACTIVATION_GELU_TANH = 1,  // the tanh form, "gelu_new", "gelu_pytorch_tanh"
  HEED_ACTIVATION_SILU = 2,       // x * sigmoid(x), "swish"
  HEED_ACTIVATION_RELU = 3,
  HEED_ACTIVATION_TANH = 4,
  HEED_ACTIVATION_SIGMOID = 5,
  HEED_ACTIVATION_QUICK_GELU = 6,  // x * sigmoid(1.702 x)
} heed_activation;

/// How a panel keeps small weights: blocks of HEED_BLOCK_WIDTH values along k for HEED_PANEL outputs, one
/// block after the other. A block is
///
///   f16 scales[32]                  one for each output
///   f16 offsets[32]                 in the OFFSET formats
///   uint8_t q[8][32][4]             8 bits: four neighbours of k of output 0, of output 1, ...
///   uint8_t q[4][32][4]             4 bits: k 4g ... 4g + 3 in the lower halves of group g, k 4g + 16
///                                   ... 4g + 19 in the higher halves
///
/// and stands for the weights  scale * (q - 128),  scale * q + offset (q at most 127),
/// scale * (q - 8),  scale * q + offset. Blocks of 6 bits come in runs of HEED_BLOCK_RUN, which have one
/// factor for each output, and whole scales for their halves of 16:
///
///   f16 factors[32]                 once for each run
///   int8_t scales[2][32]            for each of its blocks
///   uint8_t q[4][32][4]             the lower four bits, as above
///   uint8_t upper[2][32][4]         the upper two of groups 2h and 2h + 1: bits 0 and 1 for the lower
///                                   half of group 2h, 2 and 3 for its higher half, 4 to 7 for 2h + 1
///
/// and stand for  factor * scale * (q + 16 * upper - 32).
#define HEED_BLOCK_WIDTH 32
#define HEED_BLOCK_RUN 8
typedef enum {
  HEED_PANEL_8 = 0,
  HEED_PANEL_8_OFFSET = 1,
  HEED_PANEL_4 = 2,
  HEED_PANEL_4_OFFSET = 3,
  HEED_PANEL_6 = 4,
} heed_panel_format;

/// One instruction set's kernels. f32 is IEEE binary32, bf16 its upper half (round to nearest
/// even), f16 IEEE binary16. "pairs" are two bf16 values of neighbouring k in 32 bits, the lower k
/// in the lower half; an odd k at the end is paired with zero.
typedef struct HEED_SENDABLE heed_kernels {
  const char *name;
  /// 1 where left operands of bf16 products lie by rows, 0 where they lie by k.
  int left_by_rows;

  // ---- matrix tiles: c[i * c_stride + j] (+)= sum over kk < k of A(i, kk) * b[kk * b_stride + j]
  // for i < m, j < n; accumulate 0 starts from zero, 1 from c. Any m, n, k >= 0.
  // A by k:    A(i, kk) = a[kk * a_stride + i]
  // A by rows: A(i, kk) = a[i * HEED_SCORE_STRIDE + kk]
  void (*tile_f32)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                   const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                   int accumulate);
  void (*tile_rows_f32)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, const float *b,
                        ptrdiff_t b_stride, float *c, ptrdiff_t c_stride, int accumulate);
  // The same over pairs: k, a_stride and b_stride count pairs (32 bits); by rows the stride of a
  // is HEED_SCORE_STRIDE / 2 pairs. Products of bf16 are exact, sums are f32. The order within
  // HEED_PAIR_GROUP pairs, and whether denormals count, is the table's (see the README). Where
  // left_by_rows is 1, "A by k" of tile_bf16 is A(i, kk) = a[i * a_stride + kk].
  void (*tile_bf16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a, ptrdiff_t a_stride,
                    const uint32_t *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                    int accumulate);
  void (*tile_rows_bf16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                         const uint32_t *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                         int accumulate);

  // The same over packed panels of HEED_PANEL columns: column j of b lies in panel j / HEED_PANEL,
  // which begins at b + j / HEED_PANEL * panel_stride and has rows of HEED_PANEL. A by k, or where
  // by_rows is 1, A(i, kk) = a[i * a_stride + kk]; for bf16 by_rows is 1 where left_by_rows is.
  void (*panels_f32)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                     int by_rows, const float *b, ptrdiff_t panel_stride, float *c,
                     ptrdiff_t c_stride, int accumulate);
  void (*panels_bf16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                      ptrdiff_t a_stride, int by_rows, const uint32_t *b, ptrdiff_t panel_stride,
                      float *c, ptrdiff_t c_stride, int accumulate);

  // ---- few rows against keys and values as they lie in a cache, with the bits of packing and tiles.
  // c[i * c_stride + j] = sum over kk < k of a[kk * a_stride + i] * keys[j * key_stride + kk], i < m, j < n
  void (*score_keys_f32)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                         const float *keys, ptrdiff_t key_stride, float *c, ptrdiff_t c_stride);
  // The same over pairs: k, a_stride and key_stride count pairs; a lies as in tile_bf16.
  void (*score_keys_bf16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                          ptrdiff_t a_stride, const uint32_t *keys, ptrdiff_t key_stride, float *c,
                          ptrdiff_t c_stride);
  // tile_rows_bf16 with k <= HEED_SCORE_STRIDE rows of n bf16 values, value_stride apart; the partner of
  // an odd last row is zeros.
  void (*add_values_u16)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const uint32_t *a,
                         const uint16_t *values, ptrdiff_t value_stride, float *c,
                         ptrdiff_t c_stride, int accumulate);

  // ---- packing for the tiles
  // Transposing: rows x k (row-major, row_stride) to dst[kk * width + row], rows <= width, the
  // rest of each width filled with zeros. Values are multiplied by scale.
  void (*pack_transposed_f32)(ptrdiff_t rows, ptrdiff_t k, const float *src, ptrdiff_t row_stride,
                              float *dst, ptrdiff_t width, float scale);
  // The same to pairs: dst[(kk / 2) * width + row].
  void (*pack_transposed_bf16)(ptrdiff_t rows, ptrdiff_t k, const float *src,
                               ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width, float scale);
  // A left operand of the bf16 products, A(i, kk) = src[i * row_stride + kk * column_stride], one of
  // the strides 1: rows x k to dense pairs as the table wants them, dst[(kk / 2) * rows + i], or
  // dst[i * ((k + 1) / 2) + kk / 2] where left_by_rows is 1.
  void (*pack_left_bf16)(ptrdiff_t rows, ptrdiff_t k, const float *src, ptrdiff_t row_stride,
                         ptrdiff_t column_stride, uint32_t *dst);
  // Interleaving without transposing: k x n (row-major) to pairs dst[(kk / 2) * width + j], n <=
  // width, the rest filled with zeros.
  void (*pack_pairs_bf16)(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride,
                          uint32_t *dst, ptrdiff_t width, float scale);

  // Copying rows: k x n (row-major) to dst[kk * width + j], n <= width, the rest filled with zeros.
  void (*pack_rows_f32)(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t row_stride,
                        float *dst, ptrdiff_t width);

  // Transposing words of 32 bits as they are (pairs of bf16 along k): rows x k to
  // dst[kk * width + row], the rest of each width filled with zeros.
  void (*pack_transposed_u32)(ptrdiff_t rows, ptrdiff_t k, const uint32_t *src,
                              ptrdiff_t row_stride, uint32_t *dst, ptrdiff_t width);
  // pack_pairs_bf16 from bf16 values.
  void (*pack_pairs_u16)(ptrdiff_t k, ptrdiff_t n, const uint16_t *src, ptrdiff_t row_stride,
                         uint32_t *dst, ptrdiff_t width);

  // ---- score tiles of the attention: s[m][n], row stride HEED_SCORE_STRIDE, n <= that stride.
  // One step of the online softmax, in powers of two: factor is scale * log2(e), and maxima and
  // log-sum-exps are in units of log2. For each row i: M = max(row_max[i], max_j s*factor),
  // correction[i] = 2^(row_max[i] - M) (1 where M did not change, and where M is -inf),
  // p = 2^(s*factor - M), row_sum[i] = row_sum[i] * correction[i] + sum p, row_max[i] = M.
  // p under 2^-126 is 0. -inf scores (factor > 0) give p = 0; a row that has seen nothing stays at (-inf, 0).
  // p replaces s; columns n up to the next multiple of 32 are set to 0 (those beyond are kept).
  // Sums: lane l of 32 adds columns l, l + 32, ...; then lanes are added in a fixed tree.
  void (*softmax_step_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float factor, float *row_max,
                           float *row_sum, float *correction);
  // The same; p is rounded to bf16 and written to pairs (row stride HEED_SCORE_STRIDE / 2), s is
  // left undefined. The sum is that of the rounded p.
  void (*softmax_step_bf16)(ptrdiff_t m, ptrdiff_t n, float *s, uint32_t *p, float factor,
                            float *row_max, float *row_sum, float *correction);
  // Backward: p = 2^(s*factor - lse) in place; lse -inf (a row without keys) gives 0.
  void (*softmax_weights_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float factor, const float *lse);
  // ds = p * (dp - delta[i]) * scale into dp; 0 where p is 0, whatever dp is.
  void (*softmax_gradient_f32)(ptrdiff_t m, ptrdiff_t n, const float *p, float *dp, float scale,
                               const float *delta);
  // Rows of a score tile to pairs along j (by_rows, row stride HEED_SCORE_STRIDE / 2) and along i
  // (by_columns, [i / 2][HEED_SCORE_STRIDE]; where left_by_rows is 1, [j][HEED_SCORE_STRIDE / 2]);
  // either may be NULL. Columns n up to the next multiple of 16 are written as zeros; a last odd
  // row is paired with zeros.
  void (*tile_to_pairs)(ptrdiff_t m, ptrdiff_t n, const float *s, uint32_t *by_rows,
                        uint32_t *by_columns);
  // c[i * stride + j] *= factor[i]
  void (*scale_rows_f32)(ptrdiff_t m, ptrdiff_t n, float *c, ptrdiff_t stride,
                         const float *factor);
  // s = s * scale + bias[i * bias_stride + j]; bias NULL: only the scale.
  void (*score_bias_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float scale, const float *bias,
                         ptrdiff_t bias_stride);
  // s = cap * tanh(s / cap), and the gradient ds *= 1 - (s / cap)^2 for the capped s.
  void (*score_cap_f32)(ptrdiff_t m, ptrdiff_t n, float *s, float cap);
  void (*score_cap_gradient_f32)(ptrdiff_t m, ptrdiff_t n, const float *s, float *ds, float cap);
  // s += slope[i] * |j - center[i]|
  void (*score_distance_f32)(ptrdiff_t m, ptrdiff_t n, float *s, const float *slope,
                             const float *center);
  // s = -inf where j < low[i] or j >= high[i]; or where mask[i * stride + j] is 0.
  void (*score_range_f32)(ptrdiff_t m, ptrdiff_t n, float *s, const int32_t *low,
                          const int32_t *high);
  void (*score_mask_f32)(ptrdiff_t m, ptrdiff_t n, float *s, const uint8_t *mask,
                         ptrdiff_t stride);

  // ---- elementary functions, largest error in ulp over all finite inputs stated in the README
  void (*exp_f32)(ptrdiff_t n, const float *x, float *y);
  void (*tanh_f32)(ptrdiff_t n, const float *x, float *y);
  void (*erf_f32)(ptrdiff_t n, const float *x, float *y);
  void (*activation_f32)(heed_activation kind, ptrdiff_t n, const float *x, float *y);
  // dx = dy * f'(x)
  void (*activation_gradient_f32)(heed_activation kind, ptrdiff_t n, const float *x,
                                  const float *dy, float *dx);

  // ---- rows: softmax and norms over the last axis
  // y = softmax(x) for each of rows of n; -inf allowed, a row of -inf gives zeros. x == y allowed.
  void (*softmax_rows_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, float *y);
  // mean and 1/sqrt(var + epsilon) of each row are written where not NULL; gain and bias may be
  // NULL. y = (x - mean) * inverse * gain + bias
  void (*layer_norm_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,
                         const float *bias, float epsilon, float *y, float *mean, float *inverse);
  // dx from dy; dgain and dbias (n, may be NULL) are added to.
  void (*layer_norm_gradient_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy,
                                  const float *gain, const float *mean, const float *inverse,
                                  float *dx, float *dgain, float *dbias);
  // y = x / sqrt(mean(x^2) + epsilon) * (gain + gain_offset); inverse is written where not NULL.
  void (*rms_norm_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *gain,
                       float gain_offset, float epsilon, float *y, float *inverse);
  void (*rms_norm_gradient_f32)(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy,
                                const float *gain, float gain_offset, const float *inverse,
                                float *dx, float *dgain);

  // ---- vectors
  void (*add_f32)(ptrdiff_t n, const float *x, const float *y, float *z);
  void (*multiply_f32)(ptrdiff_t n, const float *x, const float *y, float *z);
  // y += factor * x
  void (*add_scaled_f32)(ptrdiff_t n, float factor, const float *x, float *y);
  // In fixed order: 64 lanes (lane i sums x[i], x[i + 64], ...), then halves added. f64 result.
  double (*sum_f32)(ptrdiff_t n, const float *x);
  double (*sum_of_squares_f32)(ptrdiff_t n, const float *x);
  // The largest; a NaN counts as infinity, and that of nothing is -infinity.
  float (*max_f32)(ptrdiff_t n, const float *x);
  float (*dot_f32)(ptrdiff_t n, const float *x, const float *y);
  // One AdamW step on n values: g is multiplied by gradient_scale first; m, v moments;
  // w = w * (1 - rate * decay) - step_size * m / (sqrt(v) * v_correction + epsilon)
  void (*adamw_f32)(ptrdiff_t n, float *w, const float *g, float *m, float *v,
                    float gradient_scale, float beta1, float beta2, float step_size,
                    float v_correction, float epsilon, float decay_factor);

  // ---- conversions, round to nearest even; NaN stays NaN
  void (*bf16_from_f32)(ptrdiff_t n, const float *x, uint16_t *y);
  void (*f32_from_bf16)(ptrdiff_t n, const uint16_t *x, float *y);
  void (*f16_from_f32)(ptrdiff_t n, const float *x, uint16_t *y);
  void (*f32_from_f16)(ptrdiff_t n, const uint16_t *x, float *y);
  // One row of the 8-bit cache: y = round(x / scale), scale = max|x| / 127, returned.
  float (*quantize_row_i8)(ptrdiff_t n, const float *x, int8_t *y);
  void (*dequantize_row_i8)(ptrdiff_t n, const int8_t *x, float scale, float *y);

  // ---- small weights. Every table gives the same bits here: sums within a block are integers, and
  // each step over the blocks is rounded as it is written.
  // A row of activations to int8, in blocks of HEED_BLOCK_WIDTH: scales[b] = largest / 127,
  // y = round(x * (127 / largest)), sums[b] the sum of y. y is filled up to whole blocks with zeros.
  // A block whose largest is under 2^-100 is zeros; one with an infinity or a NaN has the scale NaN.
  void (*quantize_blocks_i8)(ptrdiff_t n, const float *x, int8_t *y, float *scales,
                             int32_t *sums);
  // c[i * c_stride + j] (+)= the product of row i of a and output j of the panel, for i < m, j < n,
  // n <= HEED_PANEL. Row i of a: blocks * HEED_BLOCK_WIDTH values at a + i * blocks * HEED_BLOCK_WIDTH, its
  // scales and sums at i * blocks. For each block in order, with s the integer product:
  // c = fma((float)s, weight_scale * scale, c), then, in the OFFSET formats,
  // c = fma(offset, scale * (float)sum, c). In HEED_PANEL_6, of which `blocks` are whole runs, s is that
  // of each half times its scale, added (under 2^24, so (float)s is exact), weight_scale the factor of the
  // run, and `sums` are those of the halves, two for each block (heed_half_sums).
  // accumulate 0 starts from zero, 1 from c.
  void (*tile_blocks)(heed_panel_format format, ptrdiff_t m, ptrdiff_t n, ptrdiff_t blocks,
                      const int8_t *a, const float *scales, const int32_t *sums,
                      const void *panel, float *c, ptrdiff_t c_stride, int accumulate);
} heed_kernels;

/// Weights in blocks as files have them (ggml's types of these names): what one block of a row is.
typedef enum {
  HEED_Q8_0 = 0,  // 32 values: f16 scale, 32 int8
  HEED_Q4_0,      // 32: f16 scale, 16 bytes of two nibbles
  HEED_Q4_1,      // 32: f16 scale, f16 least, 16 bytes
  HEED_Q5_0,      // 32: f16 scale, 4 bytes of fifth bits, 16 bytes
  HEED_Q5_1,      // 32: f16 scale, f16 least, 4 bytes, 16 bytes
  HEED_MXFP4,     // 32: a byte of exponent, 16 bytes of two 4-bit floats (OCP Microscaling 1.0)
  HEED_Q4_K,      // 256: f16 scale and least, 12 bytes of 6-bit factors of both, 128 bytes
  HEED_Q5_K,      // 256: the same with 32 bytes of fifth bits before the 128
  HEED_Q6_K,      // 256: 128 bytes of lower nibbles, 64 of upper 2 bits, 16 int8 factors, f16 scale
} heed_block_type;

/// Values and bytes of a block.
ptrdiff_t heed_block_width(heed_block_type type);
ptrdiff_t heed_block_bytes(heed_block_type type);

/// `blocks` blocks to floats, exactly as the types define it.
void heed_dequantize(heed_block_type type, ptrdiff_t blocks, const void *x, float *y);

/// Floats to `blocks` blocks of any type but MXFP4, with scales that a small search finds to lose the
/// least squares (Q8_0: that lies best among a few, none of which clips); 0 for MXFP4.
int heed_quantize(heed_block_type type, ptrdiff_t blocks, const float *x, void *y);

/// The same with the scales that lie in `y` already: each float becomes the nearest that they can hold.
int heed_requantize(heed_block_type type, ptrdiff_t blocks, const float *x, void *y);

/// One block of a row, whose values make good what the columns before them lost in rounding.
///
/// Columns come in an order of their own, in which all but `x` and the block lie: the i-th of the block is
/// x[places[i]]. `factors`, row i at i * stride, says how much of an error of column i the columns behind
/// it, j > i, make good. The value becomes the nearest to itself + owed[i] that the block can hold, its
/// error is the value less that, and owed[j] += error * factors[i][j] for i < j < behind, in this order.
/// Scales are chosen for values + owed, the squared error of column i counting weights[i] times. In the
/// order of the block, with factors and owed of zero and weights of one: the bytes of heed_quantize.
/// `owed` and the columns of `factors` are `behind` long, at least the block's width.
int heed_quantize_compensated(heed_block_type type, const float *x, const uint8_t *places,
                              ptrdiff_t behind, const float *weights, const float *factors,
                              ptrdiff_t stride, float *owed, void *y, float *errors);

/// The panel format that holds weights of a type: exactly for Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and
/// Q6_K; for MXFP4 exactly where its power of two is one that f16 has, 2^-24 to 2^15 for a value of a half;
/// with the products of their two-level scales rounded to f16 for Q4_K and Q5_K.
heed_panel_format heed_panel_format_of(heed_block_type type);

/// Bytes of one block of a panel; of a block in a run, with its share of the factors.
ptrdiff_t heed_panel_bytes(heed_panel_format format);

/// The sums of the halves of `blocks` blocks of activations, two for each.
void heed_half_sums(ptrdiff_t blocks, const int8_t *a, int32_t *sums);

/// Packs `rows` (at most HEED_PANEL) rows of `width` values (a multiple of the block's width), which
/// lie `row_bytes` apart, to a panel of width / HEED_BLOCK_WIDTH blocks; rows that are missing are zeros.
void heed_pack_panel(heed_block_type type, ptrdiff_t rows, ptrdiff_t width, const void *x,
                     ptrdiff_t row_bytes, void *panel);

/// The best table that this processor can run; or the one named by `name` when it can run that
/// one; NULL when `name` is unknown here. `name` NULL or "" means the best.
const heed_kernels *heed_kernels_select(const char *name);

/// Name of the i-th table that this processor can run, the generic one first; NULL past the end.
const char *heed_kernels_available(int i);

/// 1 where bf16 dot products are instructions of this processor (of the table), else 0.
int heed_kernels_has_bf16(const heed_kernels *table);

/// Seconds for `iterations` rounds of independent fused multiply-adds in registers, and the number
/// of floating-point operations done in them: the arithmetic limit of one core. `bf16` 1 measures
/// bf16 dot products (0 operations where there are none).
double heed_measure_peak(const heed_kernels *table, int bf16, int64_t iterations,
                         double *operations);

/// Asks for memory that will be read soon, into the second cache.
static inline void heed_ask(const void *bytes, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += 64) __builtin_prefetch((const char *)bytes + i, 0, 2);
}

/// Tells the processor that this thread only waits.
static inline void heed_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

#ifdef __cplusplus
}
#endif
#endif
