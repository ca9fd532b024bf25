// When calls begin and end at servers that only exist as numbers.
#ifndef TESTS_SUPPORT_VIRTUAL_SERVERS_H_
#define TESTS_SUPPORT_VIRTUAL_SERVERS_H_

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

namespace attention {

// `servers` of them, each with one call at a time, and one queue of at most
// `queue` calls before them, first come, first served: with a service time of S
// the knee is at servers / S calls a second. Not thread-safe.
class VirtualServers {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::nanoseconds;

  // REQUIRES: servers >= 1, queue >= 0.
  VirtualServers(int servers, int queue);

  // When a call begins that arrives at `now` and takes `service`; none, and
  // nothing changes, when the queue is full. REQUIRES: `now` never goes back.
  std::optional<TimePoint> Begin(TimePoint now, Duration service);

 private:
  const std::size_t queue_;
  // Of each server; a heap with the first on top.
  std::vector<TimePoint> free_from_;
  // When those in the queue will begin; none is later than the next.
  std::deque<TimePoint> waiting_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_VIRTUAL_SERVERS_H_
