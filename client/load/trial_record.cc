// What one lane has seen of one trial.
#include "client/load/trial_record.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attention::load {

TrialRecord::TrialRecord(const Trial& trial, SteadyClock::time_point start,
                         double verify_share, std::int64_t max_kept_bytes,
                         std::uint64_t seed)
    : measured_(start + ToClock(trial.warm_up)),
      end_(measured_ + ToClock(trial.duration)),
      max_kept_bytes_(max_kept_bytes),
      draws_(seed),
      seconds_(static_cast<std::size_t>(std::ceil(trial.duration.count()))),
      draw_limit_(verify_share) {
  step_.load = trial.load;
  step_.duration = trial.duration;
}

TrialRecord::Second& TrialRecord::SecondOf(SteadyClock::time_point time) {
  const auto second =
      std::chrono::floor<std::chrono::seconds>(time - measured_).count();
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

void TrialRecord::AddTooLate(SteadyClock::time_point intended) {
  if (!IsMeasured(intended)) return;
  ++step_.dropped;
  ++step_.too_late;
}

void TrialRecord::AddLanded(const Flight& flight, const Landing& landing,
                            const PreparedRequest& request) {
  const bool is_answered = landing.ending == Ending::kAnswered;
  if (is_answered && IsMeasured(landing.ended)) AddCompleted(landing, request);
  if (!IsMeasured(flight.intended)) return;
  const auto ending = static_cast<std::size_t>(landing.ending);
  const auto latency = landing.ended - flight.intended;
  Second& second = SecondOf(flight.intended);
  ++step_.ended[ending];
  ++second.ended[ending];
  step_.latency[ending].Record(latency);
  step_.send_lag.Record(flight.sent - flight.intended);
  if (!is_answered) {
    messages_.Add(landing.message, 1);
    return;
  }
  second.latency.Record(latency);
  step_.from_send.Record(landing.ended - flight.sent);
  step_.server_queue.Record(landing.answer.queue);
  step_.server_compute.Record(landing.answer.compute);
  Keep(flight, landing);
}

void TrialRecord::AddCompleted(const Landing& landing,
                               const PreparedRequest& request) {
  ++step_.completed;
  ++SecondOf(landing.ended).completed;
  step_.tokens_answered += request.tokens;
  step_.bytes_sent += request.message_bytes;
  step_.bytes_received += static_cast<std::int64_t>(landing.bytes->Length());
}

// Draws, and not what came first, decide who makes room for others: so each has
// the same chance, the last one as the first and a large one as a small one.
void TrialRecord::Keep(const Flight& flight, const Landing& landing) {
  const double draw = draws_.Unit();
  if (draw_limit_ <= 0 || (draw >= draw_limit_ && !kept_.empty())) return;
  const auto by_draw = [](const KeptAnswer& a, const KeptAnswer& b) {
    return a.draw < b.draw;
  };
  kept_bytes_ += static_cast<std::int64_t>(landing.bytes->Length());
  kept_.push_back({flight.request, *landing.bytes, draw});
  std::push_heap(kept_.begin(), kept_.end(), by_draw);
  while (kept_.size() > 1 &&
         (kept_.size() > kMaxKept || kept_bytes_ > max_kept_bytes_)) {
    std::pop_heap(kept_.begin(), kept_.end(), by_draw);
    const KeptAnswer& last = kept_.back();
    draw_limit_ = std::min(draw_limit_, last.draw);
    kept_bytes_ -= static_cast<std::int64_t>(last.bytes.Length());
    kept_.pop_back();
  }
}

void TrialRecord::Merge(const TrialRecord& other) {
  const Step& from = other.step_;
  step_.offered += from.offered;
  step_.dropped += from.dropped;
  step_.too_late += from.too_late;
  for (int e = 0; e < kEndings; ++e) {
    step_.ended[e] += from.ended[e];
    step_.latency[e].Merge(from.latency[e]);
  }
  step_.from_send.Merge(from.from_send);
  step_.send_lag.Merge(from.send_lag);
  step_.server_queue.Merge(from.server_queue);
  step_.server_compute.Merge(from.server_compute);
  step_.completed += from.completed;
  step_.tokens_answered += from.tokens_answered;
  step_.bytes_sent += from.bytes_sent;
  step_.bytes_received += from.bytes_received;
  messages_.Add(other.messages_);
  for (std::size_t s = 0; s < seconds_.size(); ++s) {
    const Second& second = other.seconds_[s];
    seconds_[s].offered += second.offered;
    seconds_[s].completed += second.completed;
    for (int e = 0; e < kEndings; ++e) {
      seconds_[s].ended[e] += second.ended[e];
    }
    seconds_[s].latency.Merge(second.latency);
  }
  kept_.insert(kept_.end(), other.kept_.begin(), other.kept_.end());
}

Step TrialRecord::TakeStep() {
  Step step = std::move(step_);
  step.messages = messages_.MostFrequent();
  for (const Second& second : seconds_) {
    TimelineSecond shown{.offered = second.offered,
                         .completed = second.completed,
                         .p50 = second.latency.Percentile(50),
                         .p99 = second.latency.Percentile(99)};
    std::copy_n(second.ended, kEndings, shown.ended);
    step.timeline.push_back(shown);
  }
  return step;
}

}  // namespace attention::load
