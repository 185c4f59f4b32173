// Conversions of arrays, the specification.

#include <math.h>

#include "../variant.h"
#include "scalar.h"

void heed_generic_bf16_from_f32(ptrdiff_t n, const float *x, uint16_t *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = heed_bf16_of_f32(x[i]);
}

void heed_generic_f32_from_bf16(ptrdiff_t n, const uint16_t *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = heed_f32_of_bf16(x[i]);
}

void heed_generic_f16_from_f32(ptrdiff_t n, const float *x, uint16_t *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = heed_f16_of_f32(x[i]);
}

void heed_generic_f32_from_f16(ptrdiff_t n, const uint16_t *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = heed_f32_of_f16(x[i]);
}

float heed_generic_quantize_row_i8(ptrdiff_t n, const float *x, int8_t *y) {
  float largest = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
  }
  float scale = largest / 127;
  for (ptrdiff_t i = 0; i < n; i++) {
    // The bounds matter where scale is denormal and so has lost digits; and they stop a NaN.
    float quotient = scale > 0 ? x[i] / scale : 0;
    quotient = quotient < 127 ? quotient : 127;
    quotient = quotient > -127 ? quotient : -127;
    y[i] = (int8_t)rintf(quotient);
  }
  return scale;
}

void heed_generic_dequantize_row_i8(ptrdiff_t n, const int8_t *x, float scale, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)x[i] * scale;
}
