// When calls begin and end at servers that only exist as numbers.
#include "tests/support/virtual_servers.h"

#include <algorithm>
#include <functional>

namespace attention {

VirtualServers::VirtualServers(int servers, int queue)
    : queue_(static_cast<std::size_t>(queue)),
      free_from_(static_cast<std::size_t>(servers)) {}

std::optional<VirtualServers::TimePoint> VirtualServers::Begin(
    TimePoint now, Duration service) {
  while (!waiting_.empty() && waiting_.front() <= now) waiting_.pop_front();
  const TimePoint begin = std::max(now, free_from_.front());
  if (begin > now) {
    if (waiting_.size() >= queue_) return std::nullopt;
    waiting_.push_back(begin);
  }
  std::pop_heap(free_from_.begin(), free_from_.end(), std::greater<>());
  free_from_.back() = begin + service;
  std::push_heap(free_from_.begin(), free_from_.end(), std::greater<>());
  return begin;
}

}  // namespace attention
