// Conversions of arrays. A part of a vector goes through a copy of a whole one.

#define HEED_NARROW(name, type, store)                             \
  void HEED_NAME(name)(ptrdiff_t n, const float *x, type *y) {     \
    HEED_EACH(n, {                                                 \
      vf value = v_get(x + at, count);                             \
      if (count == VL) {                                           \
        store(y + at, value);                                      \
      } else {                                                     \
        type whole[VL];                                            \
        store(whole, value);                                       \
        memcpy(y + at, whole, (size_t)count * sizeof(type));       \
      }                                                            \
    });                                                            \
  }
HEED_NARROW(_bf16_from_f32, uint16_t, v_store_bf16)
HEED_NARROW(_f16_from_f32, uint16_t, v_store_f16)
#undef HEED_NARROW

#define HEED_WIDEN(type, load, p, count, value)                 \
  vf value;                                                     \
  if ((count) == VL) {                                          \
    value = load(p);                                            \
  } else {                                                      \
    type whole[VL] = {0};                                       \
    memcpy(whole, (p), (size_t)(count) * sizeof(type));         \
    value = load(whole);                                        \
  }

void HEED_NAME(_f32_from_bf16)(ptrdiff_t n, const uint16_t *x, float *y) {
  HEED_EACH(n, {
    HEED_WIDEN(uint16_t, v_load_bf16, x + at, count, value)
    v_put(y + at, value, count);
  });
}

void HEED_NAME(_f32_from_f16)(ptrdiff_t n, const uint16_t *x, float *y) {
  HEED_EACH(n, {
    HEED_WIDEN(uint16_t, v_load_f16, x + at, count, value)
    v_put(y + at, value, count);
  });
}

void HEED_NAME(_dequantize_row_i8)(ptrdiff_t n, const int8_t *x, float scale, float *y) {
  HEED_EACH(n, {
    HEED_WIDEN(int8_t, v_load_i8, x + at, count, value)
    v_put(y + at, v_mul(value, v_set(scale)), count);
  });
}
#undef HEED_WIDEN

float HEED_NAME(_quantize_row_i8)(ptrdiff_t n, const float *x, int8_t *y) {
  vf largest = v_set(0);
  HEED_EACH(n, { largest = v_max(v_abs(v_get(x + at, count)), largest); });
  float scale = v_fold_max(largest) / 127;
  if (!(scale > 0)) {
    memset(y, 0, (size_t)n);
    return scale;
  }
  HEED_EACH(n, {
    // The bounds matter where scale is denormal and so has lost digits; and they stop a NaN.
    vf quotient = v_div(v_get(x + at, count), v_set(scale));
    quotient = v_max(v_min(quotient, v_set(127)), v_set(-127));
    if (count == VL) {
      v_store_i8(y + at, quotient);
    } else {
      int8_t whole[VL];
      v_store_i8(whole, quotient);
      memcpy(y + at, whole, (size_t)count);
    }
  });
  return scale;
}
