// The error of what a user has given that cannot be taken.
#ifndef CLIENT_LOAD_INVALID_ARGUMENT_H_
#define CLIENT_LOAD_INVALID_ARGUMENT_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace attention::load {

// InvalidArgument with all `parts`, which absl::StrCat takes, as its message.
template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

}  // namespace attention::load

#endif  // CLIENT_LOAD_INVALID_ARGUMENT_H_
