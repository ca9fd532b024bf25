// What one lane has seen of one trial.
#include "client/load/trial_record.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attention::load {
namespace {

// Of the texts of what was not answered.
constexpr std::size_t kMaxMessages = 10;

// Of a lane and trial: as much as is verified in some seconds.
constexpr std::size_t kMaxKept = 256;
constexpr std::int64_t kMaxKeptBytes = std::int64_t{256} << 20;

SteadyClock::duration ToClock(Seconds seconds) {
  return std::chrono::duration_cast<SteadyClock::duration>(seconds);
}

void AddMessage(const std::string& message, std::int64_t count,
                std::map<std::string, std::int64_t>& messages) {
  const auto found = messages.find(message);
  if (found != messages.end()) {
    found->second += count;
  } else if (messages.size() < kMaxMessages) {
    messages.emplace(message, count);
  }
}

}  // namespace

TrialRecord::TrialRecord(const Trial& trial, SteadyClock::time_point start,
                         double verify_share, std::uint64_t seed)
    : measured_(start + ToClock(trial.warm_up)),
      end_(measured_ + ToClock(trial.duration)),
      verify_share_(verify_share),
      random_(seed),
      seconds_(static_cast<std::size_t>(std::ceil(trial.duration.count()))) {
  step_.load = trial.load;
  step_.duration = trial.duration;
}

TrialRecord::Second& TrialRecord::SecondOf(SteadyClock::time_point intended) {
  const auto second =
      std::chrono::floor<std::chrono::seconds>(intended - measured_).count();
  return seconds_[static_cast<std::size_t>(second)];
}

void TrialRecord::AddOffered(SteadyClock::time_point intended) {
  if (!IsMeasured(intended)) return;
  ++step_.offered;
  ++SecondOf(intended).offered;
}

void TrialRecord::AddDropped(SteadyClock::time_point intended) {
  if (IsMeasured(intended)) ++step_.dropped;
}

void TrialRecord::AddLanded(const Flight& flight, const Landing& landing,
                            const PreparedRequest& request) {
  if (!IsMeasured(flight.intended)) return;
  const auto ending = static_cast<std::size_t>(landing.ending);
  const auto latency = landing.ended - flight.intended;
  Second& second = SecondOf(flight.intended);
  ++step_.ended[ending];
  ++second.ended[ending];
  step_.latency[ending].Record(latency);
  step_.send_lag.Record(flight.sent - flight.intended);
  step_.bytes_sent += request.message_bytes;
  if (landing.ending != Ending::kAnswered) {
    AddMessage(landing.message, 1, step_.messages);
    return;
  }
  second.latency.Record(latency);
  step_.from_send.Record(landing.ended - flight.sent);
  step_.server_queue.Record(landing.answer.queue);
  step_.server_compute.Record(landing.answer.compute);
  step_.tokens_answered += request.tokens;
  step_.bytes_received += static_cast<std::int64_t>(landing.bytes->Length());
  Keep(flight, landing);
}

void TrialRecord::Keep(const Flight& flight, const Landing& landing) {
  const auto bytes = static_cast<std::int64_t>(landing.bytes->Length());
  if (verify_share_ <= 0 || kept_.size() >= kMaxKept ||
      kept_bytes_ + bytes > kMaxKeptBytes ||
      std::generate_canonical<double, 53>(random_) >= verify_share_) {
    return;
  }
  kept_bytes_ += bytes;
  kept_.push_back({flight.request, *landing.bytes});
}

void TrialRecord::Merge(const TrialRecord& other) {
  const Step& from = other.step_;
  step_.offered += from.offered;
  step_.dropped += from.dropped;
  for (int e = 0; e < kEndings; ++e) {
    step_.ended[e] += from.ended[e];
    step_.latency[e].Merge(from.latency[e]);
  }
  step_.from_send.Merge(from.from_send);
  step_.send_lag.Merge(from.send_lag);
  step_.server_queue.Merge(from.server_queue);
  step_.server_compute.Merge(from.server_compute);
  step_.tokens_answered += from.tokens_answered;
  step_.bytes_sent += from.bytes_sent;
  step_.bytes_received += from.bytes_received;
  for (const auto& [message, count] : from.messages) {
    AddMessage(message, count, step_.messages);
  }
  for (std::size_t s = 0; s < seconds_.size(); ++s) {
    const Second& second = other.seconds_[s];
    seconds_[s].offered += second.offered;
    for (int e = 0; e < kEndings; ++e) {
      seconds_[s].ended[e] += second.ended[e];
    }
    seconds_[s].latency.Merge(second.latency);
  }
  kept_.insert(kept_.end(), other.kept_.begin(), other.kept_.end());
}

Step TrialRecord::ToStep() const {
  Step step = step_;
  for (const Second& second : seconds_) {
    TimelineSecond shown{.offered = static_cast<double>(second.offered),
                         .p50 = second.latency.Percentile(50),
                         .p99 = second.latency.Percentile(99)};
    std::copy_n(second.ended, kEndings, shown.ended);
    step.timeline.push_back(shown);
  }
  return step;
}

}  // namespace attention::load
