#include "core/engine/engine.h"

#include <algorithm>
#include <condition_variable>
#include <string>
#include <system_error>
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
      : options_(options), clock_(clock), kernel_(kernel), queue_(options) {}

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

  absl::Status Start() {
    try {
      for (int i = 0; i < options_.num_workers; ++i) {
        workers_.emplace_back([this, i] { Work(i); });
      }
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "workers: the system gave ", workers_.size(), " threads of ",
          options_.num_workers, " (", error.what(), "); lower --workers"));
    }
    return absl::OkStatus();
  }

  void Submit(AttentionRequest request) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Status checked = CheckSequences(request.sequences);
    if (!checked.ok()) return Refuse(request, checked);
    QueuedRequest queued;
    queued.tokens = CountTokens(request.sequences);
    queued.arena_bytes = kernel_.ArenaBytes(
        request.model.get(), request.sdpa_spec, request.sequences);
    queued.arrival = clock_.Now();
    queued.request = std::move(request);
    RequestQueue::Dropped dropped;
    const absl::Status admitted = Enqueue(queued, dropped);
    if (admitted.ok()) {
      work_.notify_one();
    } else {
      Refuse(queued.request, admitted);
    }
    Tell(std::move(dropped), clock_.Now());
  }

  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    closed_ = true;
  }

  bool WaitUntilIdle(Clock::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    // A limit that cannot overflow.
    const auto limit =
        std::chrono::steady_clock::now() +
        std::min<Clock::Duration>(timeout, std::chrono::hours(24 * 365));
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
    stats.running_batches = static_cast<std::int64_t>(running_.size());
    for (const Running& running : running_) {
      stats.running_requests += running.batch->num_running();
    }
    return stats;
  }

  const EngineOptions& options() const { return options_; }

 private:
  // A batch and the moment, in work done by the engine, when its share of the
  // workers would have finished it. The smallest goes first: batches of one
  // size run in their order, a small one overtakes a giant, and no stream of
  // small ones starves the giant. (Virtual finish time of fair queueing.)
  struct Running {
    std::shared_ptr<Batch> batch;
    double finish = 0;
  };

  static absl::Status Stopped() {
    return absl::UnavailableError(
        "the server is stopping; send the request to another one");
  }

  static absl::Status CheckSequences(const std::vector<Sequence>& sequences) {
    if (sequences.empty()) {
      return absl::InvalidArgumentError("request: it holds no sequence");
    }
    for (const Sequence& sequence : sequences) {
      if (sequence.q_len < 1 || sequence.kv_len < 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            "request: a sequence has ", sequence.q_len, " queries and ",
            sequence.kv_len, " keys, at least 1 and 0 are needed"));
      }
    }
    return absl::OkStatus();
  }

  // Moves the request into the queue, or says why not and leaves it.
  absl::Status Enqueue(QueuedRequest& queued, RequestQueue::Dropped& dropped)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (closed_) return Stopped();
    absl::Status admitted = queue_.Admit(queued);
    if (absl::IsResourceExhausted(admitted) && queued.arrival >= next_drop_) {
      // Requests whose callers are gone must not keep others out.
      next_drop_ = queued.arrival + kDropInterval;
      dropped = queue_.DropUnwanted(queued.arrival);
      admitted = queue_.Admit(queued);
    }
    if (admitted.ok()) queue_.Push(std::move(queued));
    return admitted;
  }

  static void Tell(RequestQueue::Dropped dropped, Clock::TimePoint now) {
    for (auto& [queued, status] : dropped) {
      AttentionTiming timing;
      timing.queue = now - queued.arrival;
      std::move(queued.request.done)(status, timing);
    }
  }

  static void Tell(std::vector<Batch::Ended> ended) {
    for (Batch::Ended& request : ended) {
      std::move(request.done)(request.status, request.timing);
    }
  }

  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.empty() && running_.empty() && !forming_ && answering_ == 0;
  }

  void Work(int index) ABSL_LOCKS_EXCLUDED(mutex_) {
    SetThreadName(absl::StrCat("attn-worker-", index));
    if (options_.pin_workers) PinThread(index);
    WorkerScratch scratch;
    const MutexLock lock(mutex_);
    while (true) {
      if (CanForm()) {
        FormBatch();
      } else if (std::shared_ptr<Batch> batch = Next()) {
        // Moved, so that Retire lets the last one go, outside the lock.
        RunTile(std::move(batch), scratch);
      } else if (stopping_ && running_.empty() && !forming_) {
        return;
      } else {
        ++sleeping_;
        work_.wait(mutex_);
        --sleeping_;
      }
    }
  }

  // One worker forms at a time: two would share what one batch could hold. A
  // second batch waits ready behind the first, more only fill gaps.
  bool CanForm() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !forming_ &&
           queue_.CanTake(options_.max_batch_bytes - arena_bytes_) &&
           (running_.size() < 2 || Next() == nullptr);
  }

  // The batch whose turn it is among those with a tile that may run.
  std::shared_ptr<Batch> Next() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Running* next = nullptr;
    for (const Running& running : running_) {
      if (running.batch->num_ready() > 0 &&
          (next == nullptr || running.finish < next->finish)) {
        next = &running;
      }
    }
    return next == nullptr ? nullptr : next->batch;
  }

  // Gives the lock up while it computes and while it answers.
  void RunTile(std::shared_ptr<Batch> batch, WorkerScratch& scratch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto next = batch->TakeTile(clock_.Now());
    // Whoever is woken wakes the next, so that no one wakes all under the lock.
    const bool more = sleeping_ > 0 && (CanForm() || Next() != nullptr);
    mutex_.unlock();
    if (more) work_.notify_one();
    const absl::Status status =
        next->wanted ? batch->RunTile(next->tile, scratch) : absl::OkStatus();
    const Clock::TimePoint now = clock_.Now();
    mutex_.lock();
    work_done_ += next->cost;
    std::vector<Batch::Ended> ended =
        batch->FinishTile(next->tile, status, now);
    if (batch->finished()) {
      Retire(std::move(batch), std::move(ended));
    } else if (!ended.empty()) {
      Answer(std::move(ended));
    }
  }

  // Makes a batch of what waits. Never waits for more.
  void FormBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Clock::TimePoint now = clock_.Now();
    RequestQueue::Taken taken =
        queue_.Take(now, options_.max_batch_bytes - arena_bytes_);
    RequestQueue::Dropped dropped = std::move(taken.dropped);
    std::shared_ptr<Batch> batch;
    absl::Status planned;
    if (!taken.batch.empty()) {
      AlignedBuffer arena = std::move(free_arena_);
      arena_bytes_ += taken.arena_bytes;
      forming_ = true;
      mutex_.unlock();
      batch = std::make_shared<Batch>(std::move(taken), std::move(arena), now);
      planned = batch->Plan(kernel_, options_.num_workers);
      mutex_.lock();
      forming_ = false;
      if (planned.ok()) {
        running_.push_back({batch, work_done_ + batch->cost()});
      }
    }
    if (!planned.ok()) {
      arena_bytes_ -= batch->arena_bytes();
      Answer(batch->EndAll(planned, now));
    }
    ++answering_;
    mutex_.unlock();
    Tell(std::move(dropped), now);
    mutex_.lock();
    --answering_;
    NotifyIfIdle();
  }

  void Retire(std::shared_ptr<Batch> batch, std::vector<Batch::Ended> ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::erase_if(running_, [&](const Running& running) {
      return running.batch == batch;
    });
    arena_bytes_ -= batch->arena_bytes();
    ++answering_;
    mutex_.unlock();
    // Plans and arenas are large: they go outside the lock.
    AlignedBuffer arena = batch->TakeArena();
    if (arena.size_bytes() > kLargestFreeArena) arena.Free();
    batch.reset();
    Tell(std::move(ended));
    mutex_.lock();
    if (arena.size_bytes() > free_arena_.size_bytes()) {
      std::swap(arena, free_arena_);
    }
    --answering_;
    NotifyIfIdle();
  }

  void Answer(std::vector<Batch::Ended> ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++answering_;
    mutex_.unlock();
    Tell(std::move(ended));
    mutex_.lock();
    --answering_;
    NotifyIfIdle();
  }

  void NotifyIfIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (Idle()) idle_.notify_all();
    // The others leave with the last batch.
    if (stopping_ && running_.empty() && !forming_) work_.notify_all();
  }

  // Kept for the next batch; a giant one goes back to the system.
  static constexpr std::size_t kLargestFreeArena = std::size_t{256} << 20;

  // A full queue is searched for dead requests at most that often.
  static constexpr std::chrono::milliseconds kDropInterval{10};

  const EngineOptions options_;
  const Clock& clock_;
  const Kernel& kernel_;

  mutable Mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable_any idle_;
  RequestQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<Running> running_ ABSL_GUARDED_BY(mutex_);
  AlignedBuffer free_arena_ ABSL_GUARDED_BY(mutex_);
  // Working memory of the batches that are formed and run.
  std::int64_t arena_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Cost of all tiles so far.
  double work_done_ ABSL_GUARDED_BY(mutex_) = 0;
  Clock::TimePoint next_drop_ ABSL_GUARDED_BY(mutex_) = Clock::TimePoint::min();
  bool forming_ ABSL_GUARDED_BY(mutex_) = false;
  // Threads that call `done` at this moment.
  int answering_ ABSL_GUARDED_BY(mutex_) = 0;
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
  auto impl = std::make_unique<Impl>(effective, clock, kernel);
  ATTENTION_RETURN_IF_ERROR(impl->Start());
  return absl::WrapUnique(new Engine(std::move(impl)));
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
