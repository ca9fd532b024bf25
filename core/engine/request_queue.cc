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

// REQUIRES: a valid priority.
std::size_t LevelOf(const AttentionRequest& request) {
  const std::uint64_t priority =
      request.priority == 0 ? kDefaultPriority : request.priority;
  return static_cast<std::size_t>(priority - 1);
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
  if (request.request.priority > kPriorityLevels) {
    return absl::InvalidArgumentError(
        absl::StrCat("priority: it is ", request.request.priority,
                     ", allowed is 1, which goes first, to ", kPriorityLevels,
                     ", or 0 for the default, ", kDefaultPriority));
  }
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
  ++size_;
  tokens_ += request.tokens;
  levels_[LevelOf(request.request)].push_back(std::move(request));
}

bool RequestQueue::CanTake(std::int64_t arena_bytes) const {
  for (const Level& level : levels_) {
    if (!level.empty()) return level.front().arena_bytes <= arena_bytes;
  }
  return false;
}

RequestQueue::Taken RequestQueue::Take(Clock::TimePoint now,
                                       std::int64_t arena_bytes) {
  Taken taken;
  for (Level& level : levels_) {
    if (!TakeFrom(level, now, arena_bytes, taken)) break;
  }
  return taken;
}

bool RequestQueue::TakeFrom(Level& level, Clock::TimePoint now,
                            std::int64_t arena_bytes, Taken& taken) {
  // Requests of other models, which keep their places.
  std::vector<QueuedRequest> passed;
  bool open = true;
  while (open && !level.empty()) {
    QueuedRequest& next = level.front();
    absl::Status wanted = StillWanted(next.request, now);
    if (!wanted.ok()) {
      Forget(next);
      taken.dropped.emplace_back(std::move(next), std::move(wanted));
    } else if (!taken.batch.empty() &&
               !SameModel(taken.batch.front().request, next.request)) {
      passed.push_back(std::move(next));
    } else if (taken.tokens + next.tokens > options_.max_batch_tokens ||
               taken.arena_bytes + next.arena_bytes > arena_bytes) {
      // What does not fit closes the batch: nobody is overtaken by a later or
      // lower request of the same model, however small.
      open = false;
      break;
    } else {
      Forget(next);
      taken.tokens += next.tokens;
      taken.arena_bytes += next.arena_bytes;
      taken.batch.push_back(std::move(next));
      open = static_cast<std::int64_t>(taken.batch.size()) <
             options_.max_batch_requests;
    }
    level.pop_front();
  }
  level.insert(level.begin(), std::make_move_iterator(passed.begin()),
               std::make_move_iterator(passed.end()));
  return open;
}

RequestQueue::Dropped RequestQueue::DropUnwanted(Clock::TimePoint now) {
  Dropped dropped;
  for (Level& level : levels_) {
    Level left;
    for (QueuedRequest& queued : level) {
      absl::Status wanted = StillWanted(queued.request, now);
      if (wanted.ok()) {
        left.push_back(std::move(queued));
      } else {
        Forget(queued);
        dropped.emplace_back(std::move(queued), std::move(wanted));
      }
    }
    level = std::move(left);
  }
  return dropped;
}

std::vector<QueuedRequest> RequestQueue::Clear() {
  std::vector<QueuedRequest> all;
  for (Level& level : levels_) {
    all.insert(all.end(), std::make_move_iterator(level.begin()),
               std::make_move_iterator(level.end()));
    level.clear();
  }
  size_ = 0;
  tokens_ = 0;
  return all;
}

void RequestQueue::Forget(const QueuedRequest& request) {
  --size_;
  tokens_ -= request.tokens;
}

}  // namespace attention
