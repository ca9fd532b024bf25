#include "core/model/hugging_face.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

constexpr absl::string_view kLayerPrefix = "encoder.layer.";
constexpr absl::string_view kSelfAttention = "attention.self.";

// A tensor of a layer's self-attention.
struct BertName {
  absl::string_view prefix;  // "", "bert.", "roberta.", ...
  std::int64_t layer;
  absl::string_view tensor;  // "query.weight", ...
};

std::optional<BertName> ParseBertName(absl::string_view name) {
  const std::size_t begin = name.find(kLayerPrefix);
  if (begin == absl::string_view::npos) return std::nullopt;
  if (begin > 0 && name[begin - 1] != '.') return std::nullopt;
  absl::string_view rest = name.substr(begin + kLayerPrefix.size());
  const std::size_t dot = rest.find('.');
  if (dot == absl::string_view::npos) return std::nullopt;
  BertName result{.prefix = name.substr(0, begin), .layer = 0, .tensor = {}};
  // Written back, the number must be the same: no signs, blanks or zeros.
  if (!absl::SimpleAtoi(rest.substr(0, dot), &result.layer) ||
      result.layer < 0 || absl::StrCat(result.layer) != rest.substr(0, dot)) {
    return std::nullopt;
  }
  rest.remove_prefix(dot + 1);
  if (!absl::StartsWith(rest, kSelfAttention)) return std::nullopt;
  result.tensor = rest.substr(kSelfAttention.size());
  return result;
}

// Which layers there are.
struct BertLayers {
  std::string prefix;
  std::int64_t count;
};

absl::StatusOr<BertLayers> FindLayers(const Checkpoint& checkpoint,
                                      const JsonFile& config) {
  constexpr std::array<absl::string_view, 6> kKnown = {
      "query.weight", "query.bias",   "key.weight",
      "key.bias",     "value.weight", "value.bias"};
  std::set<std::string> prefixes;
  std::int64_t last = 0;
  for (const auto& [name, entry] : checkpoint.tensors()) {
    const std::optional<BertName> parsed = ParseBertName(name);
    if (!parsed) continue;
    // Relative positions, rotary embeddings: without them the answers would be
    // wrong.
    if (std::find(kKnown.begin(), kKnown.end(), parsed->tensor) ==
        kKnown.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          entry.file, ": tensor \"", name,
          "\" is part of an attention that is not supported; query, key and "
          "value are"));
    }
    prefixes.insert(std::string(parsed->prefix));
    last = std::max(last, parsed->layer);
  }
  if (prefixes.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        checkpoint.path(), ": has ", prefixes.size(), " encoders, \"",
        absl::StrJoin(prefixes, "\", \""), "\"; must have one"));
  }
  ATTENTION_ASSIGN_OR_RETURN(const std::optional<std::int64_t> expected,
                             config.GetCount("num_hidden_layers"));
  if (expected && last >= *expected) {
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.path(), ": has a layer ", last, ", but ",
                     config.path, " says num_hidden_layers is ", *expected));
  }
  // Every layer has a tensor; so `last + 1` below does not overflow.
  if (last >= static_cast<std::int64_t>(checkpoint.tensors().size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        checkpoint.path(), ": has a layer ", last, " but only ",
        checkpoint.tensors().size(), " tensors; layers are missing"));
  }
  return BertLayers{.prefix = *prefixes.begin(),
                    .count = expected ? *expected : last + 1};
}

// The [width, width] layer `name`, whose bias may be absent.
absl::StatusOr<LinearWeights> GetLinear(const Checkpoint& checkpoint,
                                        const std::string& name,
                                        std::int64_t width) {
  LinearWeights linear;
  ATTENTION_ASSIGN_OR_RETURN(linear.weight,
                             checkpoint.Get(name + ".weight", {width, width}));
  if (checkpoint.Has(name + ".bias")) {
    ATTENTION_ASSIGN_OR_RETURN(linear.bias,
                               checkpoint.Get(name + ".bias", {width}));
  }
  return linear;
}

absl::StatusOr<ProjectionWeights> GetWeights(const Checkpoint& checkpoint,
                                             const std::string& layer,
                                             std::int64_t width) {
  const std::string self = absl::StrCat(layer, kSelfAttention);
  ProjectionWeights weights;
  ATTENTION_ASSIGN_OR_RETURN(weights.q_proj,
                             GetLinear(checkpoint, self + "query", width));
  ATTENTION_ASSIGN_OR_RETURN(weights.k_proj,
                             GetLinear(checkpoint, self + "key", width));
  ATTENTION_ASSIGN_OR_RETURN(weights.v_proj,
                             GetLinear(checkpoint, self + "value", width));
  ATTENTION_ASSIGN_OR_RETURN(
      weights.out_proj,
      GetLinear(checkpoint, layer + "attention.output.dense", width));
  // One bias among others without is a file that lost some.
  const bool has_bias = weights.q_proj.bias.data != nullptr;
  if (has_bias != (weights.k_proj.bias.data != nullptr) ||
      has_bias != (weights.v_proj.bias.data != nullptr)) {
    return absl::InvalidArgumentError(absl::StrCat(
        checkpoint.path(), ": has some of \"", self, "query.bias\", \"", self,
        "key.bias\" and \"", self, "value.bias\"; must have all or none"));
  }
  weights.storage = checkpoint.storage();
  return weights;
}

}  // namespace

bool HasBertLayers(const Checkpoint& checkpoint) {
  return std::any_of(checkpoint.tensors().begin(), checkpoint.tensors().end(),
                     [](const auto& tensor) {
                       return ParseBertName(tensor.first).has_value();
                     });
}

absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadBertModels(
    const std::string& name, const Checkpoint& checkpoint,
    const JsonFile& config, DType compute_dtype) {
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t width,
                             config.RequireCount("hidden_size"));
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t heads,
                             config.RequireCount("num_attention_heads"));
  if (width % heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.path, ": hidden_size is ", width,
                     ", must be a multiple of num_attention_heads ", heads));
  }
  const AttentionSpec spec{.num_heads = heads,
                           .num_kv_heads = heads,
                           .head_dim = width / heads,
                           .v_head_dim = width / heads,
                           .compute_dtype = compute_dtype};
  ATTENTION_ASSIGN_OR_RETURN(const BertLayers layers,
                             FindLayers(checkpoint, config));
  std::vector<std::shared_ptr<const Model>> models;
  for (std::int64_t layer = 0; layer < layers.count; ++layer) {
    ATTENTION_ASSIGN_OR_RETURN(
        ProjectionWeights weights,
        GetWeights(checkpoint,
                   absl::StrCat(layers.prefix, kLayerPrefix, layer, "."),
                   width));
    absl::StatusOr<std::shared_ptr<const Model>> model =
        Model::Create(absl::StrCat(name, "/", layer), spec, std::move(weights));
    if (!model.ok()) {
      return absl::Status(model.status().code(),
                          absl::StrCat(checkpoint.path(), ": layer ", layer,
                                       ": ", model.status().message()));
    }
    models.push_back(*std::move(model));
  }
  return models;
}

}  // namespace attention
