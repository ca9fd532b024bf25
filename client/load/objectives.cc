// Service level objectives: what --slo promises.
#include "client/load/objectives.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

constexpr double kLongestNs = 3600e9;  // what a Histogram tells apart
constexpr double kHighestRate = 1e9;
constexpr double kAboveZero = std::numeric_limits<double>::denorm_min();
constexpr char kTaken[] =
    "taken are pN=TIME (p99=50ms), max=TIME, errors=N% and rate=N";

absl::Status Wrong(absl::string_view part, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", part, "': ", why));
}

// The fewest digits that are read back as `value`.
std::string Digits(double value) {
  std::array<char, 400> digits{};  // the smallest double takes 326
  char* const begin = digits.data();
  char* const end = std::to_chars(begin, begin + digits.size(), value,
                                  std::chars_format::fixed)
                        .ptr;
  return std::string(begin, end);
}

// Whether `text` is a number from `low` to `high`.
bool ReadNumber(absl::string_view text, double low, double high,
                double& number) {
  return absl::SimpleAtod(text, &number) && number >= low && number <= high;
}

absl::StatusOr<double> ReadMilliseconds(absl::string_view part,
                                        absl::string_view text) {
  double unit_ns = 1e9;
  if (absl::ConsumeSuffix(&text, "us")) {
    unit_ns = 1e3;
  } else if (absl::ConsumeSuffix(&text, "ms")) {
    unit_ns = 1e6;
  } else if (!absl::ConsumeSuffix(&text, "s")) {
    return Wrong(part, "a time takes a unit, us, ms or s, as in p99=50ms");
  }
  double number = 0;
  // Whole nanoseconds, so that 1.1s prints as 1100ms.
  if (!absl::SimpleAtod(text, &number) || !(number > 0) ||
      !(number * unit_ns <= kLongestNs) || std::round(number * unit_ns) < 1) {
    return Wrong(part,
                 absl::StrCat("'", text, "' is no time from 0.001us to 3600s"));
  }
  return std::round(number * unit_ns) / 1e6;
}

absl::StatusOr<Objective> ReadLatency(absl::string_view part,
                                      absl::string_view name,
                                      absl::string_view value) {
  Objective objective;
  objective.percent = 100;
  if (name != "max" &&
      !ReadNumber(name.substr(1), kAboveZero, 100, objective.percent)) {
    return Wrong(part, absl::StrCat("'", name.substr(1),
                                    "' is no percentile, which is above 0 and "
                                    "at most 100, as in p99.9=50ms"));
  }
  ATTENTION_ASSIGN_OR_RETURN(objective.limit, ReadMilliseconds(part, value));
  return objective;
}

absl::StatusOr<Objective> ReadObjective(absl::string_view part) {
  const std::pair<absl::string_view, absl::string_view> sides =
      absl::StrSplit(part, absl::MaxSplits('=', 1));
  const absl::string_view name = absl::StripAsciiWhitespace(sides.first);
  absl::string_view value = absl::StripAsciiWhitespace(sides.second);
  Objective objective;
  if (name == "errors") {
    objective.kind = Objective::Kind::kErrors;
    absl::ConsumeSuffix(&value, "%");
    if (!ReadNumber(value, 0, 100, objective.limit)) {
      return Wrong(part, absl::StrCat("'", value,
                                      "' is not from 0 to 100 per cent, as in "
                                      "errors=0.1%"));
    }
    return objective;
  }
  if (name == "rate") {
    objective.kind = Objective::Kind::kThroughput;
    if (!ReadNumber(value, kAboveZero, kHighestRate, objective.limit)) {
      return Wrong(
          part,
          absl::StrCat("'", value, "' is not above 0 and at most ",
                       kHighestRate, " answers a second, as in rate=1000"));
    }
    return objective;
  }
  if (name == "max" || (name.size() > 1 && name[0] == 'p')) {
    return ReadLatency(part, name, value);
  }
  return Wrong(part, absl::StrCat("is no objective; ", kTaken));
}

bool IsSameFigure(const Objective& a, const Objective& b) {
  return a.kind == b.kind && a.percent == b.percent;
}

}  // namespace

std::string Objective::ToString() const {
  switch (kind) {
    case Kind::kErrors:
      return absl::StrCat("errors=", Digits(limit), "%");
    case Kind::kThroughput:
      return absl::StrCat("rate=", Digits(limit));
    case Kind::kLatency:
      break;
  }
  return absl::StrCat(
      percent == 100 ? "max" : absl::StrCat("p", Digits(percent)), "=",
      Digits(limit), "ms");
}

absl::StatusOr<std::vector<Objective>> ParseObjectives(absl::string_view text) {
  std::vector<Objective> objectives;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    part = absl::StripAsciiWhitespace(part);
    ATTENTION_ASSIGN_OR_RETURN(const Objective objective, ReadObjective(part));
    for (const Objective& earlier : objectives) {
      if (IsSameFigure(earlier, objective)) {
        return Wrong(part, absl::StrCat("comes after ", earlier.ToString(),
                                        "; each figure is taken once"));
      }
    }
    objectives.push_back(objective);
  }
  return objectives;
}

double ValueOf(const Objective& objective, const Step& step) {
  switch (objective.kind) {
    case Objective::Kind::kErrors:
      return step.ErrorPercent();
    case Objective::Kind::kThroughput:
      return step.AnsweredRate();
    case Objective::Kind::kLatency:
      break;
  }
  const Histogram& latency = step.Latency(Ending::kAnswered);
  const std::int64_t rank = Histogram::RankOf(
      objective.percent, std::max(step.offered, latency.count()));
  if (latency.count() == 0 || rank > latency.count()) {
    return std::numeric_limits<double>::infinity();
  }
  return std::chrono::duration<double, std::milli>(latency.AtRank(rank))
      .count();
}

bool Holds(const Objective& objective, const Step& step) {
  const double value = ValueOf(objective, step);
  return objective.kind == Objective::Kind::kThroughput
             ? value >= objective.limit
             : value <= objective.limit;
}

std::optional<Histogram::Duration> LatencyLimit(
    const std::vector<Objective>& objectives) {
  std::optional<Histogram::Duration> limit;
  double highest = 0;
  for (const Objective& objective : objectives) {
    if (objective.kind == Objective::Kind::kLatency &&
        objective.percent > highest) {
      highest = objective.percent;
      limit = Histogram::Duration(std::llround(objective.limit * 1e6));
    }
  }
  return limit;
}

double Goodput(const Step& step, std::optional<Histogram::Duration> limit) {
  std::int64_t good = step.completed;
  if (limit.has_value()) {
    // Requests of the measured part may be answered long after it.
    good = std::min(good, step.Latency(Ending::kAnswered).CountUpTo(*limit));
  }
  return static_cast<double>(good) / step.duration.count();
}

}  // namespace attention::load
