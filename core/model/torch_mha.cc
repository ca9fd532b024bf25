#include "core/model/torch_mha.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "core/model/json_file.h"
#include "core/model/natural_order.h"

namespace attention {
namespace {

constexpr std::array<absl::string_view, 4> kInProjectionNames = {
    "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"};

// The prefixes under which there is an attention layer, in natural order.
std::vector<std::string> FindPrefixes(const Checkpoint& checkpoint) {
  std::vector<std::string> prefixes;
  for (const auto& [name, entry] : checkpoint.tensors()) {
    for (const absl::string_view last : kInProjectionNames) {
      absl::string_view prefix = name;
      if (absl::ConsumeSuffix(&prefix, last) &&
          (prefix.empty() || prefix.back() == '.')) {
        prefixes.push_back(std::string(prefix));
      }
    }
  }
  std::sort(prefixes.begin(), prefixes.end(), NaturalLess);
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

absl::StatusOr<std::int64_t> GetNumHeads(const Checkpoint& checkpoint,
                                         const std::string& config_path) {
  const auto found = checkpoint.metadata().find("num_heads");
  if (found != checkpoint.metadata().end()) {
    std::int64_t heads = 0;
    if (absl::SimpleAtoi(found->second, &heads) && heads >= 1) return heads;
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.path(), ": num_heads in the metadata is \"",
                     absl::Utf8SafeCEscape(found->second),
                     "\", must be a positive integer"));
  }
  const absl::StatusOr<JsonFile> config = ReadJsonFile(config_path);
  if (absl::IsNotFound(config.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.path(),
                     ": has no num_heads in its metadata; add it there or in ",
                     config_path));
  }
  ATTENTION_RETURN_IF_ERROR(config.status());
  return config->RequireCount("num_heads");
}

// Rows [part * rows, (part + 1) * rows) of a packed weight or bias.
TensorView SlicePacked(const TensorView& packed, int part, std::int64_t rows) {
  TensorView slice = packed;
  std::vector<std::int64_t> dims = packed.shape.dims();
  std::int64_t row_elements = 1;
  for (std::size_t axis = 1; axis < dims.size(); ++axis) {
    row_elements *= dims[axis];
  }
  dims[0] = rows;
  slice.shape = Shape(std::move(dims));
  slice.data += part * rows * row_elements *
                static_cast<std::int64_t>(DTypeSize(packed.dtype));
  return slice;
}

// Fills the weights of q_proj, k_proj and v_proj.
absl::Status GetInProjection(const Checkpoint& checkpoint,
                             const std::string& prefix,
                             ProjectionWeights& weights) {
  const std::string q_name = prefix + "q_proj_weight";
  const std::string k_name = prefix + "k_proj_weight";
  const std::string v_name = prefix + "v_proj_weight";
  const std::string packed_name = prefix + "in_proj_weight";
  if (!checkpoint.Has(packed_name)) {
    ATTENTION_ASSIGN_OR_RETURN(TensorView q,
                               checkpoint.Get(q_name, {kAnyDim, kAnyDim}));
    const std::int64_t width = q.shape[1];
    ATTENTION_ASSIGN_OR_RETURN(weights.q_proj.weight,
                               checkpoint.Get(q_name, {width, width}));
    ATTENTION_ASSIGN_OR_RETURN(weights.k_proj.weight,
                               checkpoint.Get(k_name, {width, kAnyDim}));
    ATTENTION_ASSIGN_OR_RETURN(weights.v_proj.weight,
                               checkpoint.Get(v_name, {width, kAnyDim}));
    return absl::OkStatus();
  }
  for (const std::string& name : {q_name, k_name, v_name}) {
    if (!checkpoint.Has(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.path(), ": has both \"", packed_name,
                     "\" and \"", name, "\"; must have one of them"));
  }
  ATTENTION_ASSIGN_OR_RETURN(TensorView packed,
                             checkpoint.Get(packed_name, {kAnyDim, kAnyDim}));
  const std::int64_t width = packed.shape[1];
  ATTENTION_ASSIGN_OR_RETURN(packed,
                             checkpoint.Get(packed_name, {3 * width, width}));
  weights.q_proj.weight = SlicePacked(packed, 0, width);
  weights.k_proj.weight = SlicePacked(packed, 1, width);
  weights.v_proj.weight = SlicePacked(packed, 2, width);
  return absl::OkStatus();
}

// Fills the biases, if there are any; in_proj_bias is packed even where the
// weights are not.
absl::Status GetBiases(const Checkpoint& checkpoint, const std::string& prefix,
                       ProjectionWeights& weights) {
  const std::string in_name = prefix + "in_proj_bias";
  const std::string out_name = prefix + "out_proj.bias";
  if (checkpoint.Has(in_name) != checkpoint.Has(out_name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.path(), ": has one of \"", in_name, "\" and \"",
                     out_name, "\"; must have both or none"));
  }
  if (!checkpoint.Has(in_name)) return absl::OkStatus();
  const std::int64_t width = weights.embed_dim();
  ATTENTION_ASSIGN_OR_RETURN(const TensorView packed,
                             checkpoint.Get(in_name, {3 * width}));
  weights.q_proj.bias = SlicePacked(packed, 0, width);
  weights.k_proj.bias = SlicePacked(packed, 1, width);
  weights.v_proj.bias = SlicePacked(packed, 2, width);
  ATTENTION_ASSIGN_OR_RETURN(weights.out_proj.bias,
                             checkpoint.Get(out_name, {width}));
  return absl::OkStatus();
}

absl::StatusOr<ProjectionWeights> GetWeights(const Checkpoint& checkpoint,
                                             const std::string& prefix) {
  // add_bias_kv=True: a key and a value more. Without them the answers would
  // be wrong.
  for (const absl::string_view last : {"bias_k", "bias_v"}) {
    const std::string name = absl::StrCat(prefix, last);
    if (!checkpoint.Has(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.path(), ": tensor \"", name,
                     "\" (add_bias_kv) is not supported"));
  }
  ProjectionWeights weights;
  ATTENTION_RETURN_IF_ERROR(GetInProjection(checkpoint, prefix, weights));
  const std::int64_t width = weights.embed_dim();
  ATTENTION_ASSIGN_OR_RETURN(
      weights.out_proj.weight,
      checkpoint.Get(prefix + "out_proj.weight", {width, width}));
  ATTENTION_RETURN_IF_ERROR(GetBiases(checkpoint, prefix, weights));
  weights.storage = checkpoint.storage();
  return weights;
}

absl::StatusOr<std::shared_ptr<const Model>> LoadLayer(
    const std::string& name, const Checkpoint& checkpoint,
    const std::string& prefix, std::int64_t heads, DType compute_dtype) {
  ATTENTION_ASSIGN_OR_RETURN(ProjectionWeights weights,
                             GetWeights(checkpoint, prefix));
  const std::int64_t width = weights.embed_dim();
  if (width % heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        checkpoint.path(), ": embed_dim of \"", prefix, "out_proj.weight\" is ",
        width, ", must be a multiple of num_heads ", heads));
  }
  const AttentionSpec spec{.num_heads = heads,
                           .num_kv_heads = heads,
                           .head_dim = width / heads,
                           .v_head_dim = width / heads,
                           .compute_dtype = compute_dtype};
  absl::StatusOr<std::shared_ptr<const Model>> model =
      Model::Create(name, spec, std::move(weights));
  if (model.ok()) return model;
  return absl::Status(model.status().code(),
                      absl::StrCat(checkpoint.path(), ": layer \"", prefix,
                                   "\": ", model.status().message()));
}

}  // namespace

bool HasTorchMha(const Checkpoint& checkpoint) {
  return !FindPrefixes(checkpoint).empty();
}

absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadTorchMha(
    const std::string& name, const Checkpoint& checkpoint,
    const std::string& config_path, DType compute_dtype) {
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t heads,
                             GetNumHeads(checkpoint, config_path));
  const std::vector<std::string> prefixes = FindPrefixes(checkpoint);
  std::vector<std::shared_ptr<const Model>> models;
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const std::string layer_name =
        prefixes.size() == 1 ? name : absl::StrCat(name, "/", i);
    ATTENTION_ASSIGN_OR_RETURN(
        std::shared_ptr<const Model> model,
        LoadLayer(layer_name, checkpoint, prefixes[i], heads, compute_dtype));
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace attention
