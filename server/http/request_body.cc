#include "server/http/request_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention::http {
namespace {

// Most requests fit; whoever announces much and sends little holds this.
constexpr std::size_t kFirstBytes = std::size_t{64} << 10;
// So that at most half of what is held is empty.
constexpr std::size_t kGrowth = 2;

}  // namespace

RequestBody::RequestBody(std::shared_ptr<BodyMemory> memory,
                         std::int64_t max_bytes,
                         std::optional<std::int64_t> announced)
    : memory_(std::move(memory)),
      max_bytes_(static_cast<std::size_t>(max_bytes)),
      end_bytes_(static_cast<std::size_t>(announced.value_or(max_bytes + 1))) {}

RequestBody::~RequestBody() {
  memory_->used_bytes -= static_cast<std::int64_t>(capacity_);
}

absl::Status RequestBody::Append(std::span<const std::byte> data) {
  while (!data.empty()) {
    ATTENTION_ASSIGN_OR_RETURN(const std::span<std::byte> room, Room());
    const std::size_t count = std::min(room.size(), data.size());
    std::memcpy(room.data(), data.data(), count);
    data = data.subspan(count);
    ATTENTION_RETURN_IF_ERROR(Commit(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::span<std::byte>> RequestBody::Room() {
  if (size_ == capacity_) {
    ATTENTION_RETURN_IF_ERROR(Grow());
  }
  return std::span(buffer_.bytes() + size_, capacity_ - size_);
}

absl::Status RequestBody::Commit(std::size_t bytes) {
  size_ += bytes;
  if (size_ <= max_bytes_) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("body: larger than the ", max_bytes_,
                   " bytes that one request may have"));
}

absl::Status RequestBody::Grow() {
  const std::size_t capacity =
      std::min(end_bytes_, std::max(kFirstBytes, kGrowth * capacity_));
  if (capacity == capacity_) {
    return absl::OutOfRangeError(
        absl::StrCat("body: has no more than ", end_bytes_, " bytes"));
  }
  const auto more = static_cast<std::int64_t>(capacity - capacity_);
  if (memory_->used_bytes.fetch_add(more) + more > memory_->limit_bytes) {
    memory_->used_bytes -= more;
    return absl::ResourceExhaustedError(
        absl::StrCat("body: all requests under way may hold ",
                     memory_->limit_bytes, " bytes; try again later"));
  }
  AlignedBuffer larger;
  larger.Reserve(capacity);
  if (size_ > 0) std::memcpy(larger.bytes(), buffer_.bytes(), size_);
  buffer_ = std::move(larger);
  capacity_ = capacity;
  return absl::OkStatus();
}

}  // namespace attention::http
