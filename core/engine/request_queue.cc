#include "core/engine/request_queue.h"

#include <iterator>
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
  // First: a caller whose deadline passed cancels for that reason.
  if (request.deadline <= now) {
    return absl::DeadlineExceededError(
        "the deadline passed before the request was done; allow more time or "
        "send less at once");
  }
  if (request.cancelled != nullptr && request.cancelled->load()) {
    return absl::CancelledError("the caller cancelled the request");
  }
  return absl::OkStatus();
}

absl::Status RequestQueue::Admit(const QueuedRequest& request) const {
  const std::int64_t tokens = request.tokens;
  if (tokens > options_.max_batch_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request: it holds ", tokens, " tokens, a batch holds ",
        options_.max_batch_tokens,
        "; send fewer sequences at once or raise --max-batch-tokens"));
  }
  if (request.arena_bytes > options_.max_batch_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request: it takes ", request.arena_bytes,
        " bytes of working memory, a batch may take ", options_.max_batch_bytes,
        "; send fewer sequences at once or raise --max-batch-bytes"));
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

bool RequestQueue::CanTake(std::int64_t arena_bytes) const {
  return !requests_.empty() && requests_.front().arena_bytes <= arena_bytes;
}

RequestQueue::Taken RequestQueue::Take(Clock::TimePoint now,
                                       std::int64_t arena_bytes) {
  Taken taken;
  // Requests of other models, which keep their places.
  std::vector<QueuedRequest> passed;
  std::int64_t tokens = 0;
  while (!requests_.empty() && static_cast<std::int64_t>(taken.batch.size()) <
                                   options_.max_batch_requests) {
    QueuedRequest& next = requests_.front();
    absl::Status wanted = StillWanted(next.request, now);
    if (!wanted.ok()) {
      tokens_ -= next.tokens;
      taken.dropped.emplace_back(std::move(next), std::move(wanted));
    } else if (!taken.batch.empty() &&
               !SameModel(taken.batch.front().request, next.request)) {
      passed.push_back(std::move(next));
    } else if (tokens + next.tokens > options_.max_batch_tokens ||
               taken.arena_bytes + next.arena_bytes > arena_bytes) {
      // What does not fit closes the batch: nobody is overtaken by a smaller
      // request of the same model.
      break;
    } else {
      tokens_ -= next.tokens;
      tokens += next.tokens;
      taken.arena_bytes += next.arena_bytes;
      taken.batch.push_back(std::move(next));
    }
    requests_.pop_front();
  }
  requests_.insert(requests_.begin(), std::make_move_iterator(passed.begin()),
                   std::make_move_iterator(passed.end()));
  return taken;
}

RequestQueue::Dropped RequestQueue::DropUnwanted(Clock::TimePoint now) {
  Dropped dropped;
  std::deque<QueuedRequest> left;
  for (QueuedRequest& queued : requests_) {
    absl::Status wanted = StillWanted(queued.request, now);
    if (wanted.ok()) {
      left.push_back(std::move(queued));
    } else {
      tokens_ -= queued.tokens;
      dropped.emplace_back(std::move(queued), std::move(wanted));
    }
  }
  requests_ = std::move(left);
  return dropped;
}

std::vector<QueuedRequest> RequestQueue::Clear() {
  std::vector<QueuedRequest> all(std::make_move_iterator(requests_.begin()),
                                 std::make_move_iterator(requests_.end()));
  requests_.clear();
  tokens_ = 0;
  return all;
}

}  // namespace attention
