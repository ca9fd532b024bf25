#include "server/rest/json_threads.h"

#include <utility>

namespace attention::oip {
namespace {

// More would take cores from the workers; whoever is in a hurry sends binary.
constexpr int kThreads = 2;

}  // namespace

JsonThreads::JsonThreads() {
  for (int i = 0; i < kThreads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

JsonThreads::~JsonThreads() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void JsonThreads::Run(std::size_t json_bytes, Task task) {
  if (json_bytes < kLongJsonBytes) {
    std::move(task)();
    return;
  }
  {
    MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void JsonThreads::Work() {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (!stopped_ && tasks_.empty()) changed_.wait(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    std::move(task)();
  }
}

}  // namespace attention::oip
