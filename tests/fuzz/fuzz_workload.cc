// Fuzzes the reader of workload files: any bytes are refused in a printable
// line, or give a workload within its limits whose requests can be made.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/load/request_pool.h"
#include "client/load/workload.h"

namespace {

using attention::ModelInfo;
using attention::load::Lengths;
using attention::load::PreparedRequest;
using attention::load::RequestMix;
using attention::load::Workload;

// Small, so that many workloads can be tried.
constexpr std::int64_t kMaxTokens = 64;
constexpr std::int64_t kMaxBytes = 1 << 20;

void Require(bool condition) {
  if (!condition) std::abort();
}

void RequireLine(const std::string& text) {
  Require(!text.empty());
  Require(std::none_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < ' ' || c == 0x7f; }));
}

void RequireLimits(const Workload& workload) {
  Require(workload.distinct >= 1 && workload.distinct <= 65536);
  Require(!workload.mixes.empty() && workload.mixes.size() <= 64);
  for (const RequestMix& mix : workload.mixes) {
    Require(mix.weight > 0 && mix.batch >= 1 && mix.batch <= 65536);
    Require(mix.num_heads % mix.num_kv_heads == 0);
    Require(mix.head_dim >= 1 && mix.head_dim <= 1024);
    const Lengths& lengths = mix.lengths;
    Require(lengths.kind != Lengths::Kind::kLogNormal ||
            (lengths.mean >= 1 && lengths.sigma > 0 &&
             lengths.mean <= static_cast<double>(lengths.max)));
    Require(lengths.kind != Lengths::Kind::kListed || !lengths.listed.empty());
  }
}

// One of each kind, under the names that the workload asks for.
std::vector<ModelInfo> ModelsFor(const Workload& workload) {
  std::vector<ModelInfo> models;
  for (const RequestMix& mix : workload.mixes) {
    models.push_back({.name = mix.model,
                      .embed_dim = 8,
                      .kdim = 8,
                      .vdim = 4,
                      .max_tokens = kMaxTokens,
                      .masks = {"boolean", "float", "causal"}});
  }
  return models;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto workload = attention::load::ParseWorkload(
      std::string(reinterpret_cast<const char*>(data), size), "/nonexistent");
  if (!workload.ok()) {
    RequireLine(std::string(workload.status().message()));
    return 0;
  }
  RequireLimits(*workload);
  RequireLine(workload->Describe());
  workload->distinct = std::min(workload->distinct, 4);
  const auto requests =
      PrepareRequests(*workload, ModelsFor(*workload), kMaxBytes);
  if (!requests.ok()) {
    RequireLine(std::string(requests.status().message()));
    return 0;
  }
  for (const PreparedRequest& request : *requests) {
    Require(request.tokens >= 1 && request.tokens <= kMaxTokens);
    Require(request.message_bytes > 0);
  }
  return 0;
}
