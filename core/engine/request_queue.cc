#include "core/engine/request_queue.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace attention {
namespace {

// Rows of both go through the same projection, or have the same heads.
bool SameModel(const AttentionRequest& a, const AttentionRequest& b) {
  return a.model == b.model &&
         (a.model != nullptr || a.sdpa_spec == b.sdpa_spec);
}

}  // namespace

absl::Status StillWanted(const AttentionRequest& request,
                         Clock::TimePoint now) {
  if (request.cancelled != nullptr && request.cancelled->load()) {
    return absl::CancelledError("the caller cancelled the request");
  }
  if (request.deadline <= now) {
    return absl::DeadlineExceededError(
        "the deadline passed before the request was done; allow more time or "
        "send less at once");
  }
  return absl::OkStatus();
}

absl::Status RequestQueue::Admit(std::int64_t tokens) const {
  if (tokens > options_.max_batch_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request: it holds ", tokens, " tokens, a batch holds ",
        options_.max_batch_tokens,
        "; send fewer sequences at once or raise --max-batch-tokens"));
  }
  if (size() >= options_.max_queue_requests) {
    return absl::ResourceExhaustedError(
        absl::StrCat("queue: ", size(), " requests wait, the limit is ",
                     options_.max_queue_requests, "; try again later"));
  }
  if (tokens_ + tokens > options_.max_queue_tokens) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "queue: ", tokens_, " tokens wait and the request has ", tokens,
        ", the limit is ", options_.max_queue_tokens, "; try again later"));
  }
  return absl::OkStatus();
}

void RequestQueue::Push(QueuedRequest request) {
  tokens_ += request.tokens;
  requests_.push_back(std::move(request));
}

RequestQueue::Taken RequestQueue::Take(Clock::TimePoint now) {
  Taken taken;
  std::deque<QueuedRequest> left;
  std::int64_t batch_tokens = 0;
  bool full = false;
  for (QueuedRequest& queued : requests_) {
    absl::Status wanted = StillWanted(queued.request, now);
    if (!wanted.ok()) {
      tokens_ -= queued.tokens;
      taken.dropped.emplace_back(std::move(queued), std::move(wanted));
      continue;
    }
    const bool joins =
        !full && (taken.batch.empty() ||
                  SameModel(taken.batch.front().request, queued.request));
    // What does not fit closes the batch: nobody is overtaken by a smaller
    // request of the same model.
    if (joins && (batch_tokens + queued.tokens > options_.max_batch_tokens ||
                  static_cast<std::int64_t>(taken.batch.size()) >=
                      options_.max_batch_requests)) {
      full = true;
    }
    if (!joins || full) {
      left.push_back(std::move(queued));
      continue;
    }
    batch_tokens += queued.tokens;
    tokens_ -= queued.tokens;
    taken.batch.push_back(std::move(queued));
  }
  requests_ = std::move(left);
  return taken;
}

std::vector<QueuedRequest> RequestQueue::Clear() {
  std::vector<QueuedRequest> all(std::make_move_iterator(requests_.begin()),
                                 std::make_move_iterator(requests_.end()));
  requests_.clear();
  tokens_ = 0;
  return all;
}

}  // namespace attention
