// Elementary functions and activations over arrays, one pass each.

#define HEED_MAP(name, function)                                    \
  void HEED_NAME(name)(ptrdiff_t n, const float *x, float *y) {     \
    HEED_EACH(n, { v_put(y + at, function(v_get(x + at, count)), count); }); \
  }
HEED_MAP(_exp_f32, v_exp)
HEED_MAP(_tanh_f32, v_tanh)
HEED_MAP(_erf_f32, v_erf)
#undef HEED_MAP

HEED_INLINE vf v_gelu_erf(vf x) {
  vf gauss;
  return v_gated(x, v_normal(x, &gauss));
}

HEED_INLINE vf v_gelu_erf_slope(vf x) {
  vf gauss, phi = v_normal(x, &gauss);
  return v_fma(v_mul(v_bounded(x, 15), v_set(0.398942280f)), gauss, phi);
}

/// (1 + tanh(u)) / 2 = sigmoid(2 u): the argument 2 u, and its slope. Past 16 the sigmoid is 0 or
/// 1, and the bound keeps the cube finite.
HEED_INLINE vf v_gelu_argument(vf x, vf *slope) {
  const float linear = 1.59576912f, cubic = 0.0713548163f;  // 2 sqrt(2 / pi), * 0.044715
  vf square = v_mul(x, x);
  *slope = v_fma(v_set(3 * cubic), square, v_set(linear));
  return v_mul(x, v_fma(v_set(cubic), square, v_set(linear)));
}

HEED_INLINE vf v_gelu_tanh(vf x) {
  vf slope, s, c;
  v_sigmoids(v_gelu_argument(v_bounded(x, 16), &slope), &s, &c);
  return v_gated(x, s);
}

HEED_INLINE vf v_gelu_tanh_slope(vf x) {
  vf slope, s, c;
  x = v_bounded(x, 16);
  v_sigmoids(v_gelu_argument(x, &slope), &s, &c);
  return v_fma(v_mul(x, slope), v_mul(s, c), s);
}

HEED_INLINE vf v_sigmoid(vf x) {
  vf s, c;
  v_sigmoids(x, &s, &c);
  return s;
}

HEED_INLINE vf v_sigmoid_slope(vf x) {
  vf s, c;
  v_sigmoids(x, &s, &c);
  return v_mul(s, c);
}

HEED_INLINE vf v_silu(vf x) { return v_gated(x, v_sigmoid(x)); }

HEED_INLINE vf v_silu_slope(vf x) {
  vf s, c;
  v_sigmoids(x, &s, &c);
  return v_fma(v_bounded(x, 0x1.fffffep127f), v_mul(s, c), s);
}

HEED_INLINE vf v_relu(vf x) { return v_max(v_set(0), x); }

HEED_INLINE vf v_relu_slope(vf x) {
  vf slope = v_select(v_less(v_set(0), x), v_set(1), v_set(0));
  return v_select(v_equal(x, x), slope, x);
}

/// 1 - tanh^2 = 4 sigmoid(2 x) sigmoid(-2 x), which does not cancel.
HEED_INLINE vf v_tanh_slope(vf x) { return v_mul(v_set(4), v_sigmoid_slope(v_add(x, x))); }

HEED_INLINE vf v_quick_gelu(vf x) { return v_gated(x, v_sigmoid(v_mul(v_set(1.702f), x))); }

HEED_INLINE vf v_quick_gelu_slope(vf x) { return v_silu_slope(v_mul(v_set(1.702f), x)); }

#define HEED_ACTIVATIONS(CASE)                                       \
  CASE(HEED_ACTIVATION_GELU_ERF, v_gelu_erf, v_gelu_erf_slope)       \
  CASE(HEED_ACTIVATION_GELU_TANH, v_gelu_tanh, v_gelu_tanh_slope)    \
  CASE(HEED_ACTIVATION_SILU, v_silu, v_silu_slope)                   \
  CASE(HEED_ACTIVATION_RELU, v_relu, v_relu_slope)                   \
  CASE(HEED_ACTIVATION_TANH, v_tanh, v_tanh_slope)                   \
  CASE(HEED_ACTIVATION_SIGMOID, v_sigmoid, v_sigmoid_slope)          \
  CASE(HEED_ACTIVATION_QUICK_GELU, v_quick_gelu, v_quick_gelu_slope)

void HEED_NAME(_activation_f32)(heed_activation kind, ptrdiff_t n, const float *x, float *y) {
#define CASE(kind, value, slope)                                            \
  case kind:                                                                \
    HEED_EACH(n, { v_put(y + at, value(v_get(x + at, count)), count); });   \
    break;
  switch (kind) { HEED_ACTIVATIONS(CASE) }
#undef CASE
}

void HEED_NAME(_activation_gradient_f32)(heed_activation kind, ptrdiff_t n, const float *x,
                                         const float *dy, float *dx) {
#define CASE(kind, value, slope)                                       \
  case kind:                                                           \
    HEED_EACH(n, {                                                     \
      vf factor = slope(v_get(x + at, count));                         \
      v_put(dx + at, v_mul(v_get(dy + at, count), factor), count);     \
    });                                                                \
    break;
  switch (kind) { HEED_ACTIVATIONS(CASE) }
#undef CASE
}
#undef HEED_ACTIVATIONS
