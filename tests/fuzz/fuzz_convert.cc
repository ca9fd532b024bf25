// Bytes -> AttendRequest -> sequences: whatever conversion accepts must lie
// inside the request, and the outputs inside their own memory.
#include <cstddef>
#include <cstdint>

#include "attention/v1/attention.pb.h"
#include "tests/fuzz/check_converted.h"
#include "tests/support/convert_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  attention::v1::AttendRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  for (const attention::ModelWidths& model : attention::FuzzModels()) {
    attention::MemoryBudget budget(1 << 20);
    attention::CheckConverted(attention::ConvertMessage(
        request, model, attention::FuzzLimits(), budget));
  }
  return 0;
}
