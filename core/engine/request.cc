#include "core/engine/request.h"

#include <algorithm>

namespace attention {

std::int64_t CountTokens(const std::vector<Sequence>& sequences) {
  std::int64_t tokens = 0;
  for (const Sequence& sequence : sequences) {
    tokens += std::max(sequence.q_len, sequence.kv_len);
  }
  return tokens;
}

}  // namespace attention
