#include "server/base/file_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace attention {
namespace {

// A model is a few files, a region of shared memory one.
constexpr rlim_t kReservedFiles = 128;

rlimit FileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

}  // namespace

void RaiseFileLimit() {
  rlimit limit = FileLimit();
  limit.rlim_cur = limit.rlim_max;
  // Where it is refused the old limit holds.
  setrlimit(RLIMIT_NOFILE, &limit);
}

int MaxConnectionDescriptor() {
  const rlim_t limit = FileLimit().rlim_cur;
  const rlim_t connections = limit - std::min(kReservedFiles, limit / 2);
  return static_cast<int>(
      std::min<rlim_t>(connections, std::numeric_limits<int>::max()));
}

}  // namespace attention
