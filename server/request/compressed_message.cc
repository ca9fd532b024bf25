#include "server/request/compressed_message.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/base/inflater.h"

namespace attention {
namespace {

// Of memory at a time.
constexpr std::size_t kMinPieceBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxPieceBytes = std::size_t{1} << 20;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Piece = std::unique_ptr<std::byte, Free>;

std::span<const std::byte> BytesOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const std::byte*>(slice.begin()), slice.size()};
}

// RFC 1952: ID1, ID2. RFC 1950: method 8 with the window of 32 KiB that gRPC's
// and zlib's own default is, no dictionary, and both bytes a multiple of 31.
std::optional<Inflater::Format> FormatOf(
    const std::vector<grpc::Slice>& slices) {
  std::vector<unsigned> head;
  for (const grpc::Slice& slice : slices) {
    for (const std::byte byte :
         BytesOf(slice).first(std::min(slice.size(), 2 - head.size()))) {
      head.push_back(std::to_integer<unsigned>(byte));
    }
  }
  if (head.size() < 2) return std::nullopt;
  if (head[0] == 0x1F && head[1] == 0x8B) return Inflater::Format::kGzip;
  const bool is_deflate = head[0] == 0x78 && (head[1] & 0x20) == 0 &&
                          (head[0] * 256 + head[1]) % 31 == 0;
  if (is_deflate) return Inflater::Format::kDeflate;
  return std::nullopt;
}

// Collects what an inflater makes of the pieces of a message.
class Decompressor {
 public:
  Decompressor(Inflater& inflater, std::int64_t max_bytes)
      : inflater_(inflater),
        max_bytes_(max_bytes),
        left_(static_cast<std::size_t>(max_bytes)) {}

  // InvalidArgument when it is not what the inflater takes.
  absl::Status Add(std::span<const std::byte> data) {
    bool filled = false;  // There may be more for which there was no room.
    while (!data.empty() || filled) {
      if (used_ == size_) ATTENTION_RETURN_IF_ERROR(NewPiece(data.size()));
      const std::span<std::byte> room(piece_.get() + used_, size_ - used_);
      ATTENTION_ASSIGN_OR_RETURN(const std::size_t bytes,
                                 inflater_.Inflate(data, room));
      if (bytes > left_) return TooLarge();
      left_ -= bytes;
      used_ += bytes;
      filled = !inflater_.at_end() && bytes == room.size();
    }
    return absl::OkStatus();
  }

  grpc::ByteBuffer Finish() {
    KeepPiece();
    return {slices_.data(), slices_.size()};
  }

 private:
  // For what `compressed` bytes may become.
  absl::Status NewPiece(std::size_t compressed) {
    KeepPiece();
    const std::size_t wanted =
        std::clamp(4 * compressed, kMinPieceBytes, kMaxPieceBytes);
    // A byte more than allowed, in which a message that is too large shows.
    size_ = std::min(wanted, left_ + 1);
    piece_.reset(static_cast<std::byte*>(std::malloc(size_)));
    if (piece_ != nullptr) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        "compression: no memory to decompress; try again later");
  }

  absl::Status TooLarge() const {
    return absl::ResourceExhaustedError(absl::StrCat(
        "message: has more than ", max_bytes_,
        " bytes when it is decompressed, the limit of this call; send less at "
        "once"));
  }

  void KeepPiece() {
    if (used_ > 0) slices_.emplace_back(piece_.release(), used_, std::free);
    used_ = 0;
    size_ = 0;
  }

  Inflater& inflater_;
  const std::int64_t max_bytes_;
  // How many bytes more are allowed.
  std::size_t left_;
  Piece piece_;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
  std::vector<grpc::Slice> slices_;
};

}  // namespace

absl::Status Decompress(std::int64_t max_bytes, grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  // Fails for an empty message, which is not compressed.
  if (!message.Dump(&slices).ok()) return absl::OkStatus();
  const std::optional<Inflater::Format> format = FormatOf(slices);
  if (!format.has_value()) return absl::OkStatus();
  ATTENTION_ASSIGN_OR_RETURN(const std::unique_ptr<Inflater> inflater,
                             Inflater::Create(*format));
  Decompressor decompressor(*inflater, max_bytes);
  for (const grpc::Slice& slice : slices) {
    const absl::Status added = decompressor.Add(BytesOf(slice));
    if (absl::IsInvalidArgument(added)) return absl::OkStatus();
    ATTENTION_RETURN_IF_ERROR(added);
  }
  if (inflater->at_end()) message = decompressor.Finish();
  return absl::OkStatus();
}

}  // namespace attention
