// How long a client may take to send a body or to read an answer.
#ifndef SERVER_HTTP_TRANSFER_TIME_H_
#define SERVER_HTTP_TRANSFER_TIME_H_

#include <chrono>
#include <cstdint>

#include "core/base/clock.h"

namespace attention::http {

// There is this much time, and a second more for each kLeastBytesPerSecond.
// What is half sent or half read is held all the while, so that a few clients
// that move a byte now and then would keep the memory of all.
inline constexpr std::chrono::seconds kLeastTime{120};
// Half a megabit, which any network that tensors are sent over has.
inline constexpr std::int64_t kLeastBytesPerSecond = std::int64_t{64} << 10;

constexpr Clock::Duration TransferTime(std::int64_t bytes) {
  return kLeastTime + std::chrono::seconds(bytes / kLeastBytesPerSecond);
}

}  // namespace attention::http

#endif  // SERVER_HTTP_TRANSFER_TIME_H_
