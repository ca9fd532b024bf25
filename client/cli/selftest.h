// The kernel on this CPU against the double-precision reference.
#ifndef CLIENT_CLI_SELFTEST_H_
#define CLIENT_CLI_SELFTEST_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/attention/attention_spec.h"
#include "core/engine/engine.h"

namespace attention {

// A layer and one sequence for it; its numbers are random, always the same.
struct SelftestCase {
  enum class Mask : std::uint8_t { kNone, kCausal, kBoolean, kFloat };

  std::string name{};
  AttentionSpec spec{};
  // 0: `sdpa`, without projection weights.
  std::int64_t embed_dim = 0;
  std::int64_t q_len = 1;
  std::int64_t kv_len = 1;
  Mask mask = Mask::kNone;
};

// Of contexts and per-head attn_weights together: the largest difference,
// relative to the largest magnitude of its tensor. f32 sums of 768 products
// differ by up to 3e-6 here; a kernel that is wrong for a CPU by far more.
inline constexpr double kSelftestLimit = 1e-5;

// Short and long sequences, tails, grouped heads, every mask.
std::vector<SelftestCase> SelftestCases();

// The error of one case; a status when the engine refuses it.
absl::StatusOr<double> RunSelftestCase(const SelftestCase& test,
                                       Engine& engine);

}  // namespace attention

#endif  // CLIENT_CLI_SELFTEST_H_
