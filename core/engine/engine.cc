#include "core/engine/engine.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <string>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/cpu.h"
#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "core/engine/batch.h"
#include "core/engine/request_queue.h"

namespace attention {
namespace {

void Refuse(AttentionRequest& request, const absl::Status& status) {
  std::move(request.done)(status, AttentionTiming{});
}

}  // namespace

class Engine::Impl {
 public:
  Impl(const EngineOptions& options, const Clock& clock, const Kernel& kernel)
      : options_(options), clock_(clock), kernel_(kernel), queue_(options) {
    workers_.reserve(static_cast<std::size_t>(options.num_workers));
    for (int i = 0; i < options.num_workers; ++i) {
      workers_.emplace_back([this, i] { Work(i); });
    }
  }

  ~Impl() {
    std::vector<QueuedRequest> refused;
    {
      const MutexLock lock(mutex_);
      closed_ = true;
      stopping_ = true;
      refused = queue_.Clear();
    }
    work_.notify_all();
    for (QueuedRequest& queued : refused) Refuse(queued.request, Stopped());
    for (std::thread& worker : workers_) worker.join();
  }

  void Submit(AttentionRequest request) ABSL_LOCKS_EXCLUDED(mutex_) {
    QueuedRequest queued;
    queued.tokens = CountTokens(request.sequences);
    queued.arrival = clock_.Now();
    queued.request = std::move(request);
    absl::Status admitted;
    {
      const MutexLock lock(mutex_);
      admitted = closed_ ? Stopped() : queue_.Admit(queued.tokens);
      if (admitted.ok()) queue_.Push(std::move(queued));
    }
    if (admitted.ok()) {
      work_.notify_one();
    } else {
      Refuse(queued.request, admitted);
    }
  }

  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    closed_ = true;
  }

  bool WaitUntilIdle(Clock::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    const auto limit = std::chrono::steady_clock::now() + timeout;
    const MutexLock lock(mutex_);
    while (!Idle()) {
      if (idle_.wait_until(mutex_, limit) == std::cv_status::timeout) {
        return Idle();
      }
    }
    return true;
  }

  EngineStats Stats() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    EngineStats stats;
    stats.queued_requests = queue_.size();
    stats.queued_tokens = queue_.tokens();
    stats.running_batches = static_cast<std::int64_t>(batches_.size());
    for (const auto& batch : batches_) {
      stats.running_requests += batch->num_running();
    }
    return stats;
  }

  const EngineOptions& options() const { return options_; }

 private:
  static absl::Status Stopped() {
    return absl::UnavailableError(
        "the server is stopping; send the request to another one");
  }

  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.empty() && batches_.empty() && !forming_ && unanswered_ == 0;
  }

  void Work(int index) ABSL_LOCKS_EXCLUDED(mutex_) {
    SetThreadName(absl::StrCat("attn-worker-", index));
    if (options_.pin_workers) PinThread(index);
    WorkerScratch scratch;
    const MutexLock lock(mutex_);
    while (true) {
      if (RunNextTile(scratch) || FormBatch()) continue;
      if (stopping_ && batches_.empty() && !forming_) return;
      ++sleeping_;
      work_.wait(mutex_);
      --sleeping_;
    }
  }

  // Runs one tile of the oldest batch that has one. Gives the lock up while it
  // computes and while it answers.
  bool RunNextTile(WorkerScratch& scratch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const std::shared_ptr<Batch>& candidate : batches_) {
      if (candidate->num_ready() == 0) continue;
      const std::shared_ptr<Batch> batch = candidate;
      const auto next = batch->TakeTile(clock_.Now());
      mutex_.unlock();
      const absl::Status status =
          next->wanted ? batch->RunTile(next->tile, scratch) : absl::OkStatus();
      const Clock::TimePoint now = clock_.Now();
      mutex_.lock();
      const int ready_before = batch->num_ready();
      std::vector<Batch::Ended> ended =
          batch->FinishTile(next->tile, status, now);
      if (batch->finished()) Retire(batch);
      // This worker takes one of the tiles itself.
      Wake(batch->num_ready() - ready_before - 1);
      Answer(std::move(ended));
      return true;
    }
    return false;
  }

  // Makes a batch of what waits. Never waits for more. One worker at a time:
  // two would share what one batch could hold, and take twice the memory.
  bool FormBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (queue_.empty() || forming_) return false;
    const Clock::TimePoint now = clock_.Now();
    RequestQueue::Taken taken = queue_.Take(now);
    AlignedBuffer arena;
    if (!free_arenas_.empty()) {
      arena = std::move(free_arenas_.back());
      free_arenas_.pop_back();
    }
    forming_ = true;
    mutex_.unlock();
    for (auto& [queued, status] : taken.dropped) {
      AttentionTiming timing;
      timing.queue = now - queued.arrival;
      std::move(queued.request.done)(status, timing);
    }
    std::shared_ptr<Batch> batch;
    if (!taken.batch.empty()) {
      batch =
          std::make_shared<Batch>(std::move(taken.batch), kernel_,
                                  options_.num_workers, std::move(arena), now);
    }
    mutex_.lock();
    forming_ = false;
    if (batch != nullptr) {
      batches_.push_back(std::move(batch));
      // This worker runs a tile; others run the rest and form the next batch.
      Wake(batches_.back()->num_ready() - 1 + (queue_.empty() ? 0 : 1));
    } else if (stopping_) {
      // Others may have stayed for this batch only.
      work_.notify_all();
    }
    if (Idle()) idle_.notify_all();
    return true;
  }

  // Wakes as many sleeping workers as there is new work for.
  void Wake(int count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (int i = 0; i < std::min(count, sleeping_); ++i) work_.notify_one();
  }

  void Retire(const std::shared_ptr<Batch>& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    batches_.erase(std::find(batches_.begin(), batches_.end(), batch));
    AlignedBuffer arena = batch->TakeArena();
    if (free_arenas_.size() < kFreeArenas &&
        arena.size_bytes() <= kLargestFreeArena) {
      free_arenas_.push_back(std::move(arena));
    }
    // The others leave with the last batch.
    if (stopping_ && batches_.empty()) work_.notify_all();
  }

  void Answer(std::vector<Batch::Ended> ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!ended.empty()) {
      ++unanswered_;
      mutex_.unlock();
      for (Batch::Ended& request : ended) {
        std::move(request.done)(request.status, request.timing);
      }
      ended.clear();
      mutex_.lock();
      --unanswered_;
    }
    if (Idle()) idle_.notify_all();
  }

  // Arenas kept for the next batches; a giant one goes back to the system.
  static constexpr std::size_t kFreeArenas = 4;
  static constexpr std::size_t kLargestFreeArena = std::size_t{256} << 20;

  const EngineOptions options_;
  const Clock& clock_;
  const Kernel& kernel_;

  mutable Mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable_any idle_;
  RequestQueue queue_ ABSL_GUARDED_BY(mutex_);
  // Oldest first.
  std::deque<std::shared_ptr<Batch>> batches_ ABSL_GUARDED_BY(mutex_);
  std::vector<AlignedBuffer> free_arenas_ ABSL_GUARDED_BY(mutex_);
  bool forming_ ABSL_GUARDED_BY(mutex_) = false;
  // Workers that call `done` at this moment.
  int unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  int sleeping_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Last: the workers use all of the above.
  std::vector<std::thread> workers_;
};

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(
    const EngineOptions& options, const Clock& clock, const Kernel& kernel) {
  ATTENTION_RETURN_IF_ERROR(options.Validate());
  EngineOptions effective = options;
  if (effective.num_workers == 0) {
    effective.num_workers = UsableCores(ReadCpuTopology());
  }
  return absl::WrapUnique(
      new Engine(std::make_unique<Impl>(effective, clock, kernel)));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

void Engine::Submit(AttentionRequest request) {
  impl_->Submit(std::move(request));
}

void Engine::Close() { impl_->Close(); }

bool Engine::WaitUntilIdle(Clock::Duration timeout) {
  return impl_->WaitUntilIdle(timeout);
}

EngineStats Engine::Stats() const { return impl_->Stats(); }
const EngineOptions& Engine::options() const { return impl_->options(); }

}  // namespace attention
