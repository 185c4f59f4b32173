// What libFuzzer calls, with one input after the other.

#include <stddef.h>
#include <stdint.h>

void heed_fuzz(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  heed_fuzz(bytes, count);
  return 0;
}
