// A workload file: what requests are made of.
#ifndef CLIENT_LOAD_WORKLOAD_H_
#define CLIENT_LOAD_WORKLOAD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"

namespace attention::load {

// Tokens of a sequence.
struct Lengths {
  enum class Kind : std::uint8_t {
    kFixed,      // `value` each
    kLogNormal,  // `sigma` of the logarithm, cut at `max`, then `mean` on
                 // average
    kListed,     // drawn from `listed`, as read from a file
  };
  Kind kind = Kind::kFixed;
  std::int64_t value = 32;
  double mean = 0;
  double sigma = 0;
  std::int64_t max = 0;
  std::vector<std::int64_t> listed{};
};

enum class MaskKind : std::uint8_t { kNone, kCausal, kBoolean, kFloat };

// One kind of request; a workload has as many of it as its weight says.
struct RequestMix {
  double weight = 1;
  std::string model = "minilm/0";
  std::int64_t batch = 1;  // sequences of a request
  Lengths lengths{};
  bool packed = false;
  ElementType dtype = ElementType::kF32;  // of queries
  std::optional<ElementType> output_dtype{};
  std::optional<ElementType> compute_dtype{};
  MaskKind mask = MaskKind::kNone;
  ReturnWeights attn_weights = ReturnWeights::kNone;
  std::optional<std::chrono::milliseconds> deadline{};
  std::uint32_t priority = 0;  // 1 goes first; 0: the server's default
  // `sdpa` only; models know their own.
  std::int64_t num_heads = 12;
  std::int64_t num_kv_heads = 12;
  std::int64_t head_dim = 64;
  // Real sentences, one a line, as the first layer of the demo model reads
  // them; without any, random numbers. `lengths` does not matter then.
  std::vector<std::string> sentences{};
};

struct Workload {
  std::string name{};
  std::uint64_t seed = 1;
  // Different requests that are prepared before the run and sent in turn; no
  // fewer than mixes.
  int distinct = 64;
  std::vector<RequestMix> mixes{};

  // In a line, for reports.
  std::string Describe() const;
};

// What runs without --workload: the demo model on real sentences, one a
// request.
Workload DefaultWorkload();

// Reads a JSON file; client/load/WORKLOADS.md describes it. Files that it names
// are looked for beside it. InvalidArgument names the field, what was wrong
// and what is allowed; NotFound or PermissionDenied when a file cannot be read.
absl::StatusOr<Workload> ReadWorkload(const std::string& path);

// The same of a text; `folder` is where other files are looked for, empty for
// the current one.
absl::StatusOr<Workload> ParseWorkload(const std::string& json,
                                       const std::string& folder);

}  // namespace attention::load

#endif  // CLIENT_LOAD_WORKLOAD_H_
