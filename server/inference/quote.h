// Text that a client sent, fit for one line of a message.
#ifndef SERVER_INFERENCE_QUOTE_H_
#define SERVER_INFERENCE_QUOTE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace attention::oip {

// In quotation marks, escaped, and of limited length.
std::string Quote(absl::string_view text);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_QUOTE_H_
