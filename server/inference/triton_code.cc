#include "server/inference/triton_code.h"

#include "absl/strings/str_cat.h"

namespace attention::oip {

absl::Status WithTritonCode(const absl::Status& status,
                            std::chrono::microseconds timeout) {
  if (absl::IsResourceExhausted(status)) {
    return absl::UnavailableError(status.message());
  }
  if (absl::IsDeadlineExceeded(status) && timeout.count() > 0) {
    return absl::UnavailableError(absl::StrCat(
        "Request timeout expired: it was not done within its timeout of ",
        timeout.count(),
        " microseconds; allow more time or send less at "
        "once"));
  }
  return status;
}

}  // namespace attention::oip
