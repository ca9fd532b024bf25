#include "tests/bench/max_isa.h"

#include <cstdio>
#include <cstdlib>

#include "core/attention/isa.h"

namespace attention {

void LimitIsaByEnvironment() {
  const char* isa = std::getenv("ATTENTION_BENCH_MAX_ISA");
  if (isa == nullptr) return;
  const auto max_isa = ParseMaxIsa(isa);
  if (max_isa.has_value() && SetMaxIsa(*max_isa)) return;
  std::fprintf(stderr,
               "ATTENTION_BENCH_MAX_ISA is %s, allowed are any, avx2 and "
               "avx512\n",
               isa);
  std::exit(2);
}

}  // namespace attention
