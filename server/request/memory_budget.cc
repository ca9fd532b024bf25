#include "server/request/memory_budget.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace attention {
namespace {

// Of memory that no answer uses: what two answers of 512 MB take.
constexpr std::size_t kMaxKeptBytes = std::size_t{1} << 30;

}  // namespace

MemoryBudget::Reservation::Reservation(
    std::shared_ptr<std::atomic<std::int64_t>> used, std::int64_t bytes)
    : used_(std::move(used)), bytes_(bytes) {}

MemoryBudget::Reservation::~Reservation() { used_->fetch_sub(bytes_); }

MemoryBudget::MemoryBudget(std::int64_t limit_bytes)
    : limit_bytes_(limit_bytes),
      used_(std::make_shared<std::atomic<std::int64_t>>(0)),
      blocks_(std::min(kMaxKeptBytes, static_cast<std::size_t>(limit_bytes))) {}

absl::StatusOr<std::shared_ptr<const MemoryBudget::Reservation>>
MemoryBudget::Reserve(std::int64_t bytes) {
  std::int64_t used = used_->load();
  do {
    if (bytes > limit_bytes_ - used) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "memory: requests and answers under way hold ", used,
          " bytes and this one takes ", bytes, " more, the limit is ",
          limit_bytes_, " (--max-inflight-bytes); try again later"));
    }
  } while (!used_->compare_exchange_weak(used, used + bytes));
  return std::make_shared<const Reservation>(used_, bytes);
}

}  // namespace attention
