#include "server/rest/disconnect_watch.h"

#include <iterator>
#include <utility>

namespace attention::oip {

DisconnectWatch::DisconnectWatch() : thread_([this] { Run(); }) {}

DisconnectWatch::~DisconnectWatch() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::shared_ptr<const std::atomic<bool>> DisconnectWatch::Watch(
    std::function<bool()> has_left) {
  auto flag = std::make_shared<std::atomic<bool>>(false);
  bool was_empty = false;
  {
    MutexLock lock(mutex_);
    was_empty = clients_.empty();
    clients_.push_back({.flag = flag, .has_left = std::move(has_left)});
  }
  if (was_empty) changed_.notify_one();
  return flag;
}

void DisconnectWatch::Run() {
  // Asked without the lock, which every request takes.
  std::vector<Client> asked;
  for (;;) {
    {
      MutexLock lock(mutex_);
      clients_.insert(clients_.end(), std::make_move_iterator(asked.begin()),
                      std::make_move_iterator(asked.end()));
      while (!stopped_ && clients_.empty()) changed_.wait(mutex_);
      if (!stopped_) changed_.wait_for(mutex_, kDisconnectInterval);
      if (stopped_) return;
      asked = std::exchange(clients_, {});
    }
    std::erase_if(asked, [](const Client& client) {
      const auto flag = client.flag.lock();
      if (flag == nullptr) return true;
      if (!client.has_left()) return false;
      flag->store(true);
      return true;
    });
  }
}

}  // namespace attention::oip
