// Text that a client sent, fit for one line of a message.
#ifndef CORE_BASE_QUOTE_H_
#define CORE_BASE_QUOTE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace attention {

// In quotation marks, escaped, and of limited length.
std::string Quote(absl::string_view text);

}  // namespace attention

#endif  // CORE_BASE_QUOTE_H_
