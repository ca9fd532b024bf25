#include "core/model/checkpoint.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/json_file.h"

namespace attention {
namespace {

using Shards = std::map<std::string, Safetensors, std::less<>>;

std::string Quote(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

// A shard lies beside its index. Anything else in a downloaded index could make
// the server read files that its operator did not name.
absl::Status CheckShardName(const std::string& index,
                            const std::string& shard) {
  if (!shard.empty() && shard != "." && shard != ".." &&
      shard.find('/') == std::string::npos &&
      shard.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(index, ": shard ", Quote(shard),
                   " must be the name of a file in the same directory"));
}

// Opens the shard unless it is open already.
absl::StatusOr<const Safetensors*> OpenShard(const std::string& path,
                                             Shards& shards) {
  auto found = shards.find(path);
  if (found == shards.end()) {
    ATTENTION_ASSIGN_OR_RETURN(Safetensors shard, Safetensors::Open(path));
    found = shards.emplace(path, std::move(shard)).first;
  }
  return &found->second;
}

std::string DimsText(const std::vector<std::int64_t>& dims) {
  return absl::StrCat(
      "[",
      absl::StrJoin(dims, ", ",
                    [](std::string* out, std::int64_t dim) {
                      absl::StrAppend(
                          out, dim == kAnyDim ? "any" : absl::StrCat(dim));
                    }),
      "]");
}

bool Fits(const Shape& shape, const std::vector<std::int64_t>& dims) {
  if (shape.dims().size() != dims.size()) return false;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    const std::int64_t dim = shape.dims()[axis];
    if (dims[axis] == kAnyDim ? dim < 1 : dim != dims[axis]) return false;
  }
  return true;
}

}  // namespace

Checkpoint Checkpoint::FromSingleFile(const std::string& path,
                                      Safetensors file) {
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  checkpoint.metadata_ = file.metadata();
  for (const auto& [name, view] : file.tensors()) {
    checkpoint.tensors_.emplace(name, Entry{.view = view, .file = path});
  }
  checkpoint.storage_ = std::make_shared<const Safetensors>(std::move(file));
  return checkpoint;
}

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(Safetensors file, Safetensors::Open(path));
  return FromSingleFile(path, std::move(file));
}

absl::StatusOr<Checkpoint> Checkpoint::Parse(const std::string& name,
                                             std::span<const std::byte> bytes) {
  absl::StatusOr<Safetensors> file = Safetensors::Parse(bytes);
  if (!file.ok()) {
    return absl::Status(file.status().code(),
                        absl::StrCat(name, ": ", file.status().message()));
  }
  return FromSingleFile(name, *std::move(file));
}

absl::StatusOr<Checkpoint> Checkpoint::OpenSharded(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(const JsonFile index, ReadJsonFile(path));
  const auto weight_map = index.object.find("weight_map");
  if (weight_map == index.object.end() || !weight_map->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has no object \"weight_map\""));
  }
  const std::filesystem::path directory =
      std::filesystem::path(path).parent_path();

  Checkpoint checkpoint;
  checkpoint.path_ = path;
  auto shards = std::make_shared<Shards>();
  for (const auto& [name, value] : weight_map->items()) {
    if (!value.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": weight_map of tensor ", Quote(name),
                       " must be the name of a file"));
    }
    const auto& shard_name = value.get_ref<const std::string&>();
    ATTENTION_RETURN_IF_ERROR(CheckShardName(path, shard_name));
    const std::string shard_path = (directory / shard_name).string();
    absl::StatusOr<const Safetensors*> shard = OpenShard(shard_path, *shards);
    if (!shard.ok()) {
      return absl::Status(
          shard.status().code(),
          absl::StrCat(shard.status().message(), " (a shard of ", path, ")"));
    }
    const auto found = (*shard)->tensors().find(name);
    if (found == (*shard)->tensors().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(shard_path, ": has no tensor ", Quote(name), ", which ",
                       path, " says it has"));
    }
    checkpoint.tensors_.emplace(
        name, Entry{.view = found->second, .file = shard_path});
  }
  checkpoint.storage_ = std::move(shards);
  return checkpoint;
}

absl::StatusOr<TensorView> Checkpoint::Get(
    absl::string_view name, const std::vector<std::int64_t>& dims) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return absl::NotFoundError(
        absl::StrCat(path_, ": has no tensor ", Quote(name)));
  }
  const TensorView& view = found->second.view;
  const std::string where =
      absl::StrCat(found->second.file, ": tensor ", Quote(name), " is ");
  if (!IsFloating(view.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, DTypeName(view.dtype), ", must be F32, F16 or BF16"));
  }
  if (!Fits(view.shape, dims)) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, view.shape.ToString(), ", must be ", DimsText(dims)));
  }
  return view;
}

}  // namespace attention
