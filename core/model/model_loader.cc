#include "core/model/model_loader.h"

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint.h"
#include "core/model/hugging_face.h"
#include "core/model/json_file.h"
#include "core/model/torch_mha.h"

namespace attention {
namespace {

// What cannot be looked at counts as there: opening it then tells why not.
bool MayExist(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::status(path, error).type() !=
         std::filesystem::file_type::not_found;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return Checkpoint::Open(path.string());
  }
  const std::filesystem::path single = path / "model.safetensors";
  if (MayExist(single)) return Checkpoint::Open(single.string());
  const std::filesystem::path index = path / "model.safetensors.index.json";
  if (MayExist(index)) return Checkpoint::OpenSharded(index.string());
  return absl::NotFoundError(absl::StrCat(path.string(),
                                          ": has neither model.safetensors nor "
                                          "model.safetensors.index.json"));
}

absl::Status NoAttentionError(const Checkpoint& checkpoint) {
  constexpr std::size_t kNamesShown = 3;
  std::vector<std::string> names;
  for (const auto& [name, entry] : checkpoint.tensors()) {
    if (names.size() == kNamesShown) break;
    names.push_back(absl::Utf8SafeCEscape(name));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      checkpoint.path(),
      ": has no attention layer, neither "
      "encoder.layer.N.attention.self.query.weight (Hugging Face BERT) nor "
      "in_proj_weight or q_proj_weight (torch.nn.MultiheadAttention); of its ",
      checkpoint.tensors().size(),
      " tensors the first are: ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadModels(
    const std::string& name, const std::string& path, DType compute_dtype) {
  ATTENTION_ASSIGN_OR_RETURN(const Checkpoint checkpoint, OpenCheckpoint(path));
  const std::string config_path =
      (std::filesystem::path(checkpoint.path()).parent_path() / "config.json")
          .string();
  if (HasBertLayers(checkpoint)) {
    ATTENTION_ASSIGN_OR_RETURN(const JsonFile config,
                               ReadJsonFile(config_path));
    return LoadBertModels(name, checkpoint, config, compute_dtype);
  }
  if (HasTorchMha(checkpoint)) {
    return LoadTorchMha(name, checkpoint, config_path, compute_dtype);
  }
  return NoAttentionError(checkpoint);
}

absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadEmbeddedModels(
    const std::string& name, absl::string_view config_json,
    std::span<const std::byte> safetensors, DType compute_dtype) {
  ATTENTION_ASSIGN_OR_RETURN(
      const Checkpoint checkpoint,
      Checkpoint::Parse("embedded model.safetensors", safetensors));
  ATTENTION_ASSIGN_OR_RETURN(
      const JsonFile config,
      ParseJsonObject("embedded config.json", config_json));
  if (!HasBertLayers(checkpoint)) return NoAttentionError(checkpoint);
  return LoadBertModels(name, checkpoint, config, compute_dtype);
}

}  // namespace attention
