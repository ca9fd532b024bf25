// What was offered to a deployment for a while, and what came of it.
#ifndef CLIENT_LOAD_STEP_H_
#define CLIENT_LOAD_STEP_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/load/histogram.h"

namespace attention::load {

using Seconds = std::chrono::duration<double>;

// When requests start.
enum class Arrivals : std::uint8_t {
  kPoisson,   // open loop, exponential gaps of mean 1 / rate
  kConstant,  // open loop, a request every 1 / rate
  kClosed,    // `concurrency` requests in flight, the next when one ends
};

struct Load {
  Arrivals arrivals = Arrivals::kPoisson;
  double rate = 0;      // requests a second; open loop only
  int concurrency = 0;  // closed loop only
};

// How a request ended.
enum class Ending : std::uint8_t {
  kAnswered,
  kRefused,  // the server sheds load
  kExpired,  // it was late for the deadline
  kFailed,   // everything else, lost connections and broken answers included
};
inline constexpr int kEndings = 4;

// Why the figures of a step say more about the client than about the server.
struct InvalidReason {
  enum class Kind : std::uint8_t {
    kTooSlow,     // the client, or the machine under it
    kInFlight,    // it may have no more requests under way
    kNoRequests,  // it was not to send any
  };
  std::string text{};  // says what to do
  Kind kind = Kind::kTooSlow;
};

// A second of a step, counted from its start; requests belong to the second in
// which they were meant to start.
struct TimelineSecond {
  std::int64_t offered = 0;  // requests meant to start
  std::int64_t ended[kEndings] = {};
  // Answers that came in this second, whenever their requests were meant to
  // start.
  std::int64_t completed = 0;
  // Of the answered, from the intended start; zero when there are none.
  Histogram::Duration p50{0};
  Histogram::Duration p99{0};
};

// One load, measured after its warm-up.
struct Step {
  Load load{};
  Seconds duration{0};  // of the measured part
  // Requests that were meant to start in the measured part, and those of them
  // that never did: because as many as may be others were under way or, part of
  // it, because the client was behind when the step was over.
  std::int64_t offered = 0;
  std::int64_t dropped = 0;
  std::int64_t too_late = 0;
  std::int64_t ended[kEndings] = {};
  // From the intended start to the end, by Ending.
  Histogram latency[kEndings];
  // Of the answered, from when it was really sent: what a closed loop shows.
  Histogram from_send;
  // From the intended start to the sending: the client's own delay.
  Histogram send_lag;
  // What the server says of the answered: waiting, and computing.
  Histogram server_queue;
  Histogram server_compute;
  // Throughput: answers that came in the measured part, whenever their requests
  // were meant to start, their tokens, and the bytes of both messages.
  std::int64_t completed = 0;
  std::int64_t tokens_answered = 0;
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  // Answers that were compared with the reference, and those that differ.
  std::int64_t verified = 0;
  std::int64_t wrong = 0;
  // CPU time of this process, and of its busiest thread, per second.
  double client_cores = 0;
  double busiest_thread = 0;
  std::vector<TimelineSecond> timeline{};
  // What was said of what was not answered, "CODE: text", and how often, as
  // MessageCounts::MostFrequent; and one wrong answer.
  std::map<std::string, std::int64_t> messages{};
  // Empty when the figures can be trusted.
  std::vector<InvalidReason> invalid{};

  std::int64_t Ended(Ending ending) const {
    return ended[static_cast<int>(ending)];
  }
  const Histogram& Latency(Ending ending) const {
    return latency[static_cast<int>(ending)];
  }
  // Requests meant to start a second, and answers that came a second.
  double OfferedRate() const {
    return static_cast<double>(offered) / duration.count();
  }
  double AnsweredRate() const {
    return static_cast<double>(completed) / duration.count();
  }
  // Refused, expired, failed and dropped per hundred offered; in one division,
  // so that 7 of 1000 are what "0.7%" is read as.
  double ErrorPercent() const {
    return offered == 0
               ? 0
               : 100 * static_cast<double>(offered - Ended(Ending::kAnswered)) /
                     static_cast<double>(offered);
  }
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_STEP_H_
