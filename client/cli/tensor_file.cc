// Calls from files and answers to files.
#include "client/cli/tensor_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/npy.h"
#include "client/cli/tensor_convert.h"
#include "core/base/status_macros.h"
#include "core/tensor/mapped_file.h"
#include "core/tensor/safetensors.h"

namespace attention {
namespace {

constexpr absl::string_view kNpy = ".npy";
constexpr absl::string_view kSafetensors = ".safetensors";

absl::Status AtPath(const std::string& path, const absl::Status& status) {
  return {status.code(), absl::StrCat(path, ": ", status.message())};
}

// Nothing when the file has no such tensor.
absl::StatusOr<std::optional<Tensor>> FindTensor(
    const std::shared_ptr<const Safetensors>& file, absl::string_view name) {
  const auto found = file->tensors().find(name);
  if (found == file->tensors().end()) {
    return std::nullopt;
  }
  const TensorView& view = found->second;
  const std::optional<ElementType> dtype = ToElementType(view.dtype);
  if (!dtype || (*dtype == ElementType::kBool && name != "attn_mask")) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is ", DTypeName(view.dtype),
                     ", allowed are F32, F16, BF16 and, for attn_mask, BOOL"));
  }
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t count,
                             view.shape.ElementCount());
  return Tensor{.dtype = *dtype,
                .shape = view.shape.dims(),
                .bytes = {view.data, count * ElementSize(*dtype)},
                .owner = file};
}

absl::StatusOr<std::vector<std::int64_t>> FindLengths(const Safetensors& file,
                                                      absl::string_view name) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) {
    return std::vector<std::int64_t>();
  }
  const TensorView& view = found->second;
  const bool wide = view.dtype == DType::kI64;
  if ((!wide && view.dtype != DType::kI32) || view.shape.rank() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is ", DTypeName(view.dtype), " ",
                     view.shape.ToString(), ", allowed is I64 or I32 [batch]"));
  }
  std::vector<std::int64_t> lengths(view.shape[0]);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (wide) {
      std::memcpy(&lengths[i], view.data + i * 8, 8);
    } else {
      std::int32_t length = 0;
      std::memcpy(&length, view.data + i * 4, 4);
      lengths[i] = length;
    }
  }
  return lengths;
}

absl::Status ReadSafetensors(const std::string& path, AttendCall& call) {
  ATTENTION_ASSIGN_OR_RETURN(Safetensors opened, Safetensors::Open(path));
  const auto file = std::make_shared<const Safetensors>(std::move(opened));
  ATTENTION_ASSIGN_OR_RETURN(std::optional<Tensor> queries,
                             FindTensor(file, "queries"));
  if (!queries) {
    return absl::InvalidArgumentError(
        "there is no tensor `queries`; it is the one that must be there");
  }
  call.queries = *std::move(queries);
  ATTENTION_ASSIGN_OR_RETURN(call.keys, FindTensor(file, "keys"));
  ATTENTION_ASSIGN_OR_RETURN(call.values, FindTensor(file, "values"));
  ATTENTION_ASSIGN_OR_RETURN(call.attn_mask, FindTensor(file, "attn_mask"));
  ATTENTION_ASSIGN_OR_RETURN(call.q_lengths, FindLengths(*file, "q_lengths"));
  ATTENTION_ASSIGN_OR_RETURN(call.kv_lengths, FindLengths(*file, "kv_lengths"));
  return absl::OkStatus();
}

absl::Status ReadNpy(const std::string& path, AttendCall& call) {
  ATTENTION_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file,
                             MappedFile::Open(path));
  ATTENTION_ASSIGN_OR_RETURN(
      call.queries,
      ParseNpy({reinterpret_cast<const char*>(file->bytes().data()),
                file->bytes().size()}));
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot be written: ", std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTensorPath(const std::string& path) {
  if (absl::EndsWith(path, kSafetensors) || absl::EndsWith(path, kNpy)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path,
                   ": allowed are names that end in .safetensors or "
                   ".npy"));
}

absl::Status ReadCall(const std::string& path, AttendCall& call) {
  ATTENTION_RETURN_IF_ERROR(CheckTensorPath(path));
  const absl::Status status = absl::EndsWith(path, kNpy)
                                  ? ReadNpy(path, call)
                                  : ReadSafetensors(path, call);
  // What opens a file names it already.
  return status.ok() || absl::StrContains(status.message(), path)
             ? status
             : AtPath(path, status);
}

absl::Status WriteResult(
    const std::string& path, const AttendResult& result,
    const std::map<std::string, std::string, std::less<>>& metadata) {
  ATTENTION_RETURN_IF_ERROR(CheckTensorPath(path));
  std::string bytes;
  if (absl::EndsWith(path, kNpy)) {
    auto npy = SerializeNpy(result.contexts);
    if (!npy.ok()) {
      return AtPath(path, npy.status());
    }
    bytes = *std::move(npy);
  } else {
    std::map<std::string, TensorView, std::less<>> tensors = {
        {"contexts", ToView(result.contexts)}};
    if (result.attn_weights) {
      tensors.emplace("attn_weights", ToView(*result.attn_weights));
    }
    bytes = SerializeSafetensors(tensors, metadata);
  }
  const absl::Status status = WriteFile(path, bytes);
  return status.ok() ? status : AtPath(path, status);
}

}  // namespace attention
