// exp, tanh, erf and the normal distribution on vectors.
//
// The polynomials were fitted to 40-digit references by weighted least squares with the weights
// moved until the largest error was even (Lawson 1961), then rounded to floats; "fit" is the
// largest relative error before any rounding. What is reached after rounding is in the README.

/// c[0] + c[1] x + ... by Horner's rule.
#define HEED_POLYNOMIAL(x, ...)                                                     \
  heed_horner((x), (const float[]){__VA_ARGS__},                                    \
              (int)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))

HEED_INLINE vf heed_horner(vf x, const float *c, int count) {
  vf sum = v_set(c[count - 1]);
  HEED_UNROLL for (int i = count - 2; i >= 0; i--) sum = v_fma(sum, x, v_set(c[i]));
  return sum;
}

/// e^x = 2^n e^r with n = round(x / ln 2), so |r| <= ln 2 / 2, and e^r = 1 + r + r^2 q(r).
/// The bounds are where the result is 0 and infinite for certain.
HEED_INLINE vf v_exp(vf x) {
  x = v_max(v_set(-104.0f), v_min(v_set(89.0f), x));
  vf n = v_round(v_mul(x, v_set(0x1.715476p0f)));
  vf r = v_nfma(n, v_set(0x1.62e430p-1f), x);
  r = v_nfma(n, v_set(-0x1.05c610p-29f), r);
  // fit 3.1e-9
  vf q = HEED_POLYNOMIAL(r, 0.49999994f, 0.166665211f, 0.041668389f, 0.00836872403f,
                         0.00138145813f);
  vf inner = v_fma(r, q, v_set(1));
  return v_scale(v_fma(r, inner, v_set(1)), n);
}

/// 2^t = 2^n 2^f with n = round(t), which leaves f exact: no logarithm to multiply by.
HEED_INLINE vf v_exp2(vf t) {
  t = v_max(v_set(-151.0f), v_min(v_set(129.0f), t));
  vf n = v_round(t), f = v_sub(t, n);
  // |f| <= 1/2, fit 2.0e-9
  vf q = HEED_POLYNOMIAL(f, 0.693147182f, 0.240226477f, 0.0555033237f, 0.00961843692f,
                         0.0013398875f, 0.000153533605f);
  return v_scale(v_fma(f, q, v_set(1)), n);
}

/// Small: x + x^3 P(x^2), where the large form would cancel. Large: 1 - 2 / (e^2x + 1).
HEED_INLINE vf v_tanh(vf x) {
  vf a = v_abs(x), square = v_mul(x, x);
  // |x| < 0.625, fit 4.4e-9
  vf p = HEED_POLYNOMIAL(square, -0.333332807f, 0.133314416f, -0.0537397116f, 0.0206390787f,
                         -0.00570497848f);
  vf small = v_fma(v_mul(a, square), p, a);
  vf e = v_exp(v_add(a, a));
  vf large = v_sub(v_set(1), v_div(v_set(2), v_add(e, v_set(1))));
  return v_copy_sign(v_select(v_less(a, v_set(0.625f)), small, large), x);
}

/// Small: x + x Q(x^2). Large: 1 - e^p(x), p the logarithm of the complement; over 3.95 the
/// complement is under half an ulp of 1.
HEED_INLINE vf v_erf(vf x) {
  vf a = v_abs(x), square = v_mul(x, x);
  // |x| < 0.95, fit 6.1e-10
  vf q = HEED_POLYNOMIAL(square, 0.128379166f, -0.376126319f, 0.112836637f, -0.0268577058f,
                         0.0051969518f, -0.000809770252f, 8.1850907e-05f);
  vf small = v_fma(a, q, a);
  vf bounded = v_min(v_set(3.95f), a);
  // 0.9 < |x| < 3.95, fit 1.7e-9
  vf p = HEED_POLYNOMIAL(bounded, -0.000166439335f, -1.12779725f, -0.636976004f, -0.104113743f,
                         0.022315247f, -0.00306549948f, 0.000198220674f);
  vf large = v_sub(v_set(1), v_exp(p));
  return v_copy_sign(v_select(v_less(a, v_set(0.95f)), small, large), x);
}

/// sigmoid(x), and sigmoid(-x) without cancellation: 1 / (1 + e^-|x|) and e^-|x| times that.
HEED_INLINE void v_sigmoids(vf x, vf *forward, vf *backward) {
  vf e = v_exp(v_sub(v_set(0), v_abs(x)));
  vf large = v_div(v_set(1), v_add(v_set(1), e)), small = v_mul(e, large);
  vm negative = v_less(x, v_set(0));
  *forward = v_select(negative, small, large);
  *backward = v_select(negative, large, small);
}

/// x times a factor that falls to 0: the limit at -inf is 0, not -inf * 0.
HEED_INLINE vf v_gated(vf x, vf factor) { return v_mul(v_max(v_set(-0x1.fffffep127f), x), factor); }

HEED_INLINE vf v_bounded(vf x, float bound) {
  return v_max(v_set(-bound), v_min(v_set(bound), x));
}

/// The cumulative normal distribution Phi(x), and gauss = e^(-x^2 / 2).
/// The smaller tail is gauss * w(|x|) with w(a) = e^(a^2 / 2) erfc(a / sqrt 2) / 2 = t P(t),
/// t = 1 / (1 + a / 4): a relative error, not an absolute one, however far out.
HEED_INLINE vf v_normal(vf x, vf *gauss) {
  vf a = v_min(v_set(15), v_abs(x)), half = v_mul(v_set(0.5f), a);
  vf exponent = v_mul(half, a);
  vf cut = v_nfma(half, a, exponent);  // exponent - a^2 / 2, which the rounding added
  vf e = v_exp(v_sub(v_set(0), exponent));
  e = v_fma(e, cut, e);
  *gauss = e;
  vf t = v_div(v_set(1), v_fma(v_set(0.25f), a, v_set(1)));
  // 0 <= a < 14.5, fit 8.6e-9
  vf p = HEED_POLYNOMIAL(t, 0.0997463316f, 0.0995214805f, 0.0952876955f, 0.073013559f,
                         0.0838490352f, 0.0177388098f, 0.0226059686f, 0.0558831766f,
                         -0.0645387471f, 0.0168926958f);
  vf tail = v_mul(e, v_mul(t, p));
  return v_select(v_less(x, v_set(0)), tail, v_sub(v_set(1), tail));
}
