// The order in which people count: layer 2 before layer 10.
#ifndef CORE_MODEL_NATURAL_ORDER_H_
#define CORE_MODEL_NATURAL_ORDER_H_

#include "absl/strings/string_view.h"

namespace attention {

// True when `a` comes before `b`: runs of digits compare as numbers of any
// length, everything else byte by byte. A strict total order.
bool NaturalLess(absl::string_view a, absl::string_view b);

}  // namespace attention

#endif  // CORE_MODEL_NATURAL_ORDER_H_
