#include "core/tensor/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/tensor/mapped_file.h"
#include "core/tensor/safetensors_header.h"
#include "nlohmann/json.hpp"

namespace attention {
namespace {

// Header length and data are little-endian, and so are views.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);

// The limit of the reference implementation.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

// Where a tensor's bytes lie in the data.
struct Extent {
  std::int64_t begin;
  std::int64_t end;
  absl::string_view name;
};

std::string Offsets(const Extent& extent) {
  return absl::StrCat("data_offsets [", extent.begin, ", ", extent.end, "]");
}

absl::StatusOr<absl::string_view> HeaderText(std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", bytes.size(),
        " bytes, a safetensors file has at least 8: is it truncated?"));
  }
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("says its header has ", length, " bytes, ",
                     kMaxHeaderBytes, " are allowed"));
  }
  const std::size_t rest = bytes.size() - kLengthBytes;
  if (length > rest) {
    return absl::InvalidArgumentError(
        absl::StrCat("says its header has ", length, " bytes, but only ", rest,
                     " follow: is it truncated?"));
  }
  return absl::string_view(
      reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
      static_cast<std::size_t>(length));
}

// The bytes that the shape and dtype of a tensor need.
absl::StatusOr<std::int64_t> ByteCount(const Shape& shape, DType dtype) {
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t count, shape.ElementCount());
  const auto size = static_cast<std::int64_t>(DTypeSize(dtype));
  if (count > std::numeric_limits<std::int64_t>::max() / size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", shape.ToString(), " has more than 2^63 - 1 bytes"));
  }
  return count * size;
}

// The view of one tensor; `extent` is where its bytes are in `data`.
absl::StatusOr<TensorView> MakeView(const SafetensorsEntry& entry,
                                    const Extent& extent,
                                    std::span<const std::byte> data) {
  const std::optional<DType> dtype = ParseDType(*entry.dtype);
  if (!dtype) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dtype ", QuoteText(*entry.dtype),
        " is not supported; F64, F32, F16, BF16, BOOL and I8 to U64 are"));
  }
  TensorView view{.dtype = *dtype, .shape = Shape(*entry.shape)};
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t byte_count,
                             ByteCount(view.shape, view.dtype));
  if (extent.begin > extent.end) {
    return absl::InvalidArgumentError(
        absl::StrCat(Offsets(extent), " end before they begin"));
  }
  if (static_cast<std::uint64_t>(extent.end) > data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Offsets(extent), " go beyond the ", data.size(),
                     " bytes of data: is the file truncated?"));
  }
  if (extent.end - extent.begin != byte_count) {
    return absl::InvalidArgumentError(
        absl::StrCat(Offsets(extent), " hold ", extent.end - extent.begin,
                     " bytes, ", DTypeName(view.dtype), " ",
                     view.shape.ToString(), " needs ", byte_count));
  }
  view.data = data.data() + extent.begin;
  return view;
}

// InvalidArgument unless the extents fill the data without hole or overlap.
absl::Status CheckLayout(std::vector<Extent> extents, std::int64_t data_size) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) {
              return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
            });
  std::int64_t end = 0;
  for (const Extent& extent : extents) {
    if (extent.begin < end) {
      return absl::InvalidArgumentError(
          absl::StrCat(QuoteTensor(extent.name), ": ", Offsets(extent),
                       " overlap the tensor before, which ends at ", end));
    }
    if (extent.begin > end) {
      return absl::InvalidArgumentError(
          absl::StrCat(QuoteTensor(extent.name), ": ", Offsets(extent),
                       " leave a hole after byte ", end));
    }
    end = extent.end;
  }
  if (end != data_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", data_size - end, " bytes after the last tensor's end at ", end,
        ", none are allowed"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Safetensors> Safetensors::Open(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(std::shared_ptr<MappedFile> file,
                             MappedFile::Open(path));
  absl::StatusOr<Safetensors> result = Parse(file->bytes());
  if (!result.ok()) {
    return absl::Status(result.status().code(),
                        absl::StrCat(path, ": ", result.status().message()));
  }
  result->storage_ = std::move(file);
  return result;
}

absl::StatusOr<Safetensors> Safetensors::Parse(
    std::span<const std::byte> bytes) {
  ATTENTION_ASSIGN_OR_RETURN(const absl::string_view text, HeaderText(bytes));
  ATTENTION_ASSIGN_OR_RETURN(SafetensorsHeader header,
                             ParseSafetensorsHeader(text));
  const std::span<const std::byte> data =
      bytes.subspan(kLengthBytes + text.size());

  Safetensors result;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.tensors) {
    const Extent extent{(*entry.data_offsets)[0], (*entry.data_offsets)[1],
                        name};
    absl::StatusOr<TensorView> view = MakeView(entry, extent, data);
    if (!view.ok()) {
      return absl::Status(
          view.status().code(),
          absl::StrCat(QuoteTensor(name), ": ", view.status().message()));
    }
    result.tensors_.emplace(name, *std::move(view));
    extents.push_back(extent);
  }
  ATTENTION_RETURN_IF_ERROR(
      CheckLayout(std::move(extents), static_cast<std::int64_t>(data.size())));
  result.metadata_ = std::move(header.metadata);
  return result;
}

absl::StatusOr<TensorView> Safetensors::Get(absl::string_view name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  constexpr std::size_t kNamesShown = 3;
  std::vector<std::string> names;
  for (const auto& [known, view] : tensors_) {
    if (names.size() == kNamesShown) break;
    names.push_back(QuoteText(known));
  }
  return absl::NotFoundError(
      absl::StrCat("there is no ", QuoteTensor(name), "; there are ",
                   names.empty() ? "none" : absl::StrJoin(names, ", "),
                   tensors_.size() > kNamesShown
                       ? absl::StrCat(", ... (", tensors_.size(), " in all)")
                       : ""));
}

std::string SerializeSafetensors(
    const std::map<std::string, TensorView, std::less<>>& tensors,
    const std::map<std::string, std::string, std::less<>>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::string data;
  for (const auto& [name, view] : tensors) {
    const std::size_t begin = data.size();
    const std::int64_t bytes = ByteCount(view.shape, view.dtype).value();
    if (bytes > 0) {
      data.append(reinterpret_cast<const char*>(view.data),
                  static_cast<std::size_t>(bytes));
    }
    header[name] = {{"dtype", std::string(DTypeName(view.dtype))},
                    {"shape", view.shape.dims()},
                    {"data_offsets", {begin, data.size()}}};
  }
  // A name that is not UTF-8 must not throw; its bad bytes become U+FFFD.
  std::string text = header.dump(-1, ' ', /*ensure_ascii=*/false,
                                 nlohmann::json::error_handler_t::replace);
  // Padded so that the data starts aligned where the file does.
  constexpr std::size_t kAlignment = 8;
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  const std::uint64_t length = text.size();
  std::string result(kLengthBytes, '\0');
  std::memcpy(result.data(), &length, kLengthBytes);
  result += text;
  result += data;
  return result;
}

}  // namespace attention
