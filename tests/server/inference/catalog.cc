#include "tests/server/inference/catalog.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/base/status_macros.h"
#include "tests/support/zero_model.h"

namespace attention::oip {
namespace {

constexpr AttentionSpec kSpec = {
    .num_heads = 2, .num_kv_heads = 2, .head_dim = 4, .v_head_dim = 4};
constexpr ZeroModelShape kSelf = {
    .spec = kSpec, .embed_dim = 8, .kdim = 8, .vdim = 8};
constexpr ZeroModelShape kCross = {
    .spec = kSpec, .embed_dim = 8, .kdim = 6, .vdim = 5};

}  // namespace

Catalog::Catalog(ServerOptions options)
    : options_(std::move(options)),
      engine_(Engine::Create({.num_workers = 2}).value()),
      budget_(options_.max_inflight_bytes),
      metrics_([] { return Gauges{}; }, "any"),
      models_(
          registry_,
          {{.name = "bert",
            .flag = "--model bert=/x",
            .read =
                [this] {
                  return Read({MakeZeroModel("bert/0", kSelf),
                               MakeZeroModel("bert/1", kSelf)});
                }},
           {.name = "cross",
            .flag = "--model cross=/y",
            .read =
                [this] { return Read({MakeZeroModel("cross", kCross)}); }}}),
      service_{.options = options_,
               .topology = topology_,
               .registry = registry_,
               .engine = *engine_,
               .metrics = metrics_,
               .open_requests = open_requests_,
               .budget = budget_,
               .statistics = statistics_,
               .ready = ready_},
      context_{.service = service_,
               .models = models_,
               .shared_memory = shared_memory_} {
  const absl::Status status = models_.LoadAll();
  if (status.ok()) return;
  std::fprintf(stderr, "catalog: %s\n", status.ToString().c_str());
  std::abort();
}

absl::StatusOr<Models> Catalog::Read(const Models& models) const {
  if (before_read_ == nullptr) return models;
  ATTENTION_RETURN_IF_ERROR(before_read_());
  return models;
}

}  // namespace attention::oip
