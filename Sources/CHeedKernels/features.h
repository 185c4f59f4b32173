#ifndef HEED_FEATURES_H
#define HEED_FEATURES_H

/// Groups of instructions that a variant may need.
typedef enum {
  HEED_FEATURE_NONE,
  HEED_FEATURE_AVX2,        // AVX2, FMA, F16C
  HEED_FEATURE_AVX2VNNI,    // int8 dot products of 256 bits and all of AVX2's
  HEED_FEATURE_AVX512,      // F, BW, VL, DQ and all of AVX2's
  HEED_FEATURE_AVX512BF16,  // bf16 dot products and all of AVX512VNNI's
  HEED_FEATURE_AVX512DOTS,  // AVX512BF16 where its dot products outrun f32 multiply-adds
  HEED_FEATURE_AVX512VNNI,  // int8 dot products and all of AVX512's
  HEED_FEATURE_AMX,         // tile registers for bf16 and int8, and all of AVX512BF16's
  HEED_FEATURE_NEON,
  HEED_FEATURE_NEONDOT,   // int8 dot products
  HEED_FEATURE_NEONBF16,  // bf16 dot products and all of NEONDOT's
} heed_feature;

/// 1 where both the processor and the operating system allow it. Asking is cheap enough to need
/// no memory of the answer, and so no state.
int heed_has_feature(heed_feature feature);

#endif
