#include "server/base/malloc_tuning.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace attention {

void TuneMalloc() {
#ifdef __GLIBC__
  // The largest value that glibc takes.
  constexpr int kMapFrom = 32 << 20;
  // Free memory at the end of a heap that is not given back.
  constexpr int kKeepBytes = 256 << 20;
  // Arenas: enough that gRPC's threads and the workers seldom meet, few enough
  // that what one freed is near to what the next one takes.
  constexpr int kArenas = 4;
  // NOLINTBEGIN(concurrency-mt-unsafe): main calls this before any thread is.
  mallopt(M_MMAP_THRESHOLD, kMapFrom);
  mallopt(M_TRIM_THRESHOLD, kKeepBytes);
  mallopt(M_ARENA_MAX, kArenas);
  // NOLINTEND(concurrency-mt-unsafe)
#endif
}

}  // namespace attention
