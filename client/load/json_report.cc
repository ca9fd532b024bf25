// A report as JSON.
#include "client/load/json_report.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/conclusions.h"

namespace attention::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPercentiles[] = {50, 75, 90, 95, 99, 99.9, 99.99, 100};
constexpr const char* kEndingNames[kEndings] = {"answered", "refused",
                                                "expired", "failed"};

// JSON has neither infinity nor NaN.
Json Number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json Milliseconds(Histogram::Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// Null where nothing was recorded, so that the keys are always the same.
Json Spectrum(const Histogram& histogram) {
  const bool is_empty = histogram.count() == 0;
  const auto value = [&](Histogram::Duration duration) {
    return is_empty ? Json(nullptr) : Milliseconds(duration);
  };
  Json json = {{"count", histogram.count()},
               {"min", value(histogram.min())},
               {"mean", value(histogram.mean())}};
  for (const double percent : kPercentiles) {
    json[absl::StrFormat("p%g", percent)] =
        is_empty ? Json(nullptr) : Milliseconds(histogram.Percentile(percent));
  }
  return json;
}

Json LoadJson(const Load& load) {
  if (load.arrivals == Arrivals::kClosed) {
    return {{"arrivals", "closed"}, {"concurrency", load.concurrency}};
  }
  return {{"arrivals",
           load.arrivals == Arrivals::kPoisson ? "poisson" : "constant"},
          {"rate_per_s", Number(load.rate)}};
}

Json TimelineJson(const std::vector<TimelineSecond>& timeline) {
  Json json = Json::array();
  for (std::size_t i = 0; i < timeline.size(); ++i) {
    const TimelineSecond& second = timeline[i];
    Json entry = {{"second", i},
                  {"offered", second.offered},
                  {"completed", second.completed}};
    for (int ending = 0; ending < kEndings; ++ending) {
      entry[kEndingNames[ending]] = second.ended[ending];
    }
    const bool is_empty =
        second.ended[static_cast<int>(Ending::kAnswered)] == 0;
    entry["p50_ms"] = is_empty ? Json(nullptr) : Milliseconds(second.p50);
    entry["p99_ms"] = is_empty ? Json(nullptr) : Milliseconds(second.p99);
    json.push_back(std::move(entry));
  }
  return json;
}

Json MessagesJson(const std::map<std::string, std::int64_t>& messages) {
  Json json = Json::array();
  for (const auto& [text, count] : messages) {
    json.push_back({{"text", text}, {"count", count}});
  }
  return json;
}

Json StepJson(const Step& step) {
  const double seconds = step.duration.count();
  const auto per_second = [&](std::int64_t amount) {
    return Number(static_cast<double>(amount) / seconds);
  };
  Json json = {{"load", LoadJson(step.load)},
               {"duration_s", Number(seconds)},
               {"offered", step.offered},
               {"dropped", step.dropped},
               {"completed", step.completed}};
  Json latency = Json::object();
  for (int ending = 0; ending < kEndings; ++ending) {
    json[kEndingNames[ending]] = step.ended[ending];
    latency[kEndingNames[ending]] = Spectrum(step.latency[ending]);
  }
  json["error_percent"] = Number(step.ErrorPercent());
  json["offered_per_s"] = Number(step.OfferedRate());
  json["answered_per_s"] = Number(step.AnsweredRate());
  json["tokens_answered"] = step.tokens_answered;
  json["tokens_per_s"] = per_second(step.tokens_answered);
  json["bytes_sent"] = step.bytes_sent;
  json["bytes_sent_per_s"] = per_second(step.bytes_sent);
  json["bytes_received"] = step.bytes_received;
  json["bytes_received_per_s"] = per_second(step.bytes_received);
  json["latency_ms"] = std::move(latency);
  json["from_send_ms"] = Spectrum(step.from_send);
  json["send_lag_ms"] = Spectrum(step.send_lag);
  json["server_queue_ms"] = Spectrum(step.server_queue);
  json["server_compute_ms"] = Spectrum(step.server_compute);
  json["verified"] = step.verified;
  json["wrong"] = step.wrong;
  json["client_cores"] = Number(step.client_cores);
  json["busiest_thread_cores"] = Number(step.busiest_thread);
  json["timeline"] = TimelineJson(step.timeline);
  json["messages"] = MessagesJson(step.messages);
  json["invalid"] = Json::array();
  for (const InvalidReason& reason : step.invalid) {
    json["invalid"].push_back(reason.text);
  }
  return json;
}

Json StepsJson(const std::vector<Step>& steps) {
  Json json = Json::array();
  for (const Step& step : steps) {
    json.push_back(StepJson(step));
  }
  return json;
}

const char* LimitName(Sweep::Limit limit) {
  switch (limit) {
    case Sweep::Limit::kClient:
      return "client";
    case Sweep::Limit::kMaxRate:
      return "max_rate";
    case Sweep::Limit::kServer:
      break;
  }
  return "server";
}

Json WindowsJson(const RecoveryWindows& windows) {
  return {{"count", windows.count},
          {"invalid", windows.invalid},
          {"verified", windows.verified},
          {"wrong", windows.wrong},
          {"messages", MessagesJson(windows.messages)}};
}

Json SweepJson(const Sweep& sweep) {
  const bool has_knee = sweep.knee >= 0;
  Json json = {{"knee", has_knee ? Json(sweep.knee) : Json(nullptr)},
               {"knee_rate_per_s", nullptr},
               {"limited_by", LimitName(sweep.limit)},
               {"steps", StepsJson(sweep.steps)},
               {"overloads", Json::array()},
               {"skipped_overloads", sweep.skipped_overloads}};
  if (has_knee) {
    json["knee_rate_per_s"] =
        Number(sweep.steps[static_cast<std::size_t>(sweep.knee)].load.rate);
  }
  for (const Overload& overload : sweep.overloads) {
    json["overloads"].push_back(
        {{"factor", Number(overload.factor)},
         {"goodput_per_s", Number(overload.goodput)},
         {"recovery_s", overload.recovery.has_value()
                            ? Number(overload.recovery->count())
                            : Json(nullptr)},
         {"recovery_windows", WindowsJson(overload.windows)},
         {"step", StepJson(overload.step)}});
  }
  return json;
}

Json ComparisonJson(const Comparison& comparison) {
  Json json = {{"a", comparison.a},
               {"b", comparison.b},
               {"ratios", Json::array()},
               {"steps_a", StepsJson(comparison.steps_a)},
               {"steps_b", StepsJson(comparison.steps_b)}};
  for (const Ratio& ratio : comparison.ratios) {
    json["ratios"].push_back({{"name", ratio.name},
                              {"mean", Number(ratio.mean)},
                              {"low", Number(ratio.low)},
                              {"high", Number(ratio.high)}});
  }
  return json;
}

const char* UnitOf(Objective::Kind kind) {
  switch (kind) {
    case Objective::Kind::kLatency:
      return "ms";
    case Objective::Kind::kErrors:
      return "percent";
    case Objective::Kind::kThroughput:
      break;
  }
  return "per_s";
}

Json ObjectivesJson(const std::vector<ObjectiveResult>& results) {
  Json json = Json::array();
  for (const ObjectiveResult& result : results) {
    json.push_back({{"objective", result.objective.ToString()},
                    {"limit", Number(result.objective.limit)},
                    {"value", Number(result.value)},
                    {"unit", UnitOf(result.objective.kind)},
                    {"held", result.held}});
  }
  return json;
}

}  // namespace

std::string JsonReport(const Report& report) {
  Json json = {{"schema", "attention-load/1"},
               {"command", report.command},
               {"started", report.started},
               {"environment", Json::array()},
               {"workload", report.workload},
               {"protocol", report.protocol},
               {"headline", Headline(report)},
               {"objectives", ObjectivesJson(report.objectives)},
               {"invalid", InvalidReasons(report)}};
  for (const auto& [name, value] : report.environment) {
    json["environment"].push_back({{"name", name}, {"value", value}});
  }
  if (report.step.has_value()) {
    json["step"] = StepJson(*report.step);
  }
  if (report.sweep.has_value()) {
    json["sweep"] = SweepJson(*report.sweep);
  }
  if (report.comparison.has_value()) {
    json["comparison"] = ComparisonJson(*report.comparison);
  }
  // Messages of servers need not be UTF-8; JSON is.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace attention::load
