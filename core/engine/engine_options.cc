#include "core/engine/engine_options.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

namespace attention {
namespace {

constexpr std::int64_t kMinBytes = std::int64_t{1} << 20;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 40;

void CheckRange(const char* name, std::int64_t value, std::int64_t low,
                std::int64_t high, std::string& errors) {
  if (value >= low && value <= high) return;
  absl::StrAppend(&errors, errors.empty() ? "" : "; ", name, " is ", value,
                  ", allowed is ", low, " to ", high);
}

}  // namespace

absl::Status EngineOptions::Validate() const {
  std::string errors;
  CheckRange("num_workers", num_workers, 0, 1024, errors);
  CheckRange("max_batch_tokens", max_batch_tokens, 1, 1 << 20, errors);
  CheckRange("max_batch_requests", max_batch_requests, 1, 65536, errors);
  CheckRange("max_queue_requests", max_queue_requests, 1, 1'000'000, errors);
  CheckRange("max_queue_tokens", max_queue_tokens, max_batch_tokens,
             std::numeric_limits<std::int32_t>::max(), errors);
  CheckRange("max_batch_bytes", max_batch_bytes, kMinBytes, kMaxBytes, errors);
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return absl::OkStatus();
}

}  // namespace attention
