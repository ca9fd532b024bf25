// The line that shows how a run is going.
#include "client/load/progress_line.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/figure_text.h"

namespace attention::load {
namespace {

constexpr std::size_t kColumns = 79;

bool IsShort(Seconds time) { return time.count() >= 0 && time.count() < 1e6; }

// "3.0/10 s"; what no run takes is written with an exponent.
std::string ClockText(Seconds elapsed, Seconds total) {
  return IsShort(elapsed) && IsShort(total)
             ? absl::StrFormat("%.1f/%.6g s", elapsed.count(), total.count())
             : absl::StrFormat("%.3g/%.3g s", elapsed.count(), total.count());
}

}  // namespace

std::string ProgressLine(const Progress& progress) {
  std::int64_t ended = 0;
  for (const std::int64_t count : progress.ended) {
    ended += count;
  }
  const std::int64_t answered =
      progress.ended[static_cast<int>(Ending::kAnswered)];
  // The first moment of a run has no rate yet.
  const double rate =
      progress.window.count() > 0
          ? static_cast<double>(answered) / progress.window.count()
          : 0;
  const double error_share =
      ended == 0
          ? 0
          : static_cast<double>(ended - answered) / static_cast<double>(ended);
  std::string line =
      absl::StrFormat("%10s", ClockText(progress.elapsed, progress.total));
  // The last ones are left out where they do not fit.
  for (const std::string& field :
       {ShortLoadText(progress.load),
        std::string(progress.is_warm_up ? "warm-up" : ""),
        absl::StrCat("answered ", RateText(rate)),
        absl::StrCat("p50 ", PercentileText(progress.latency, 50)),
        absl::StrCat("p99 ", PercentileText(progress.latency, 99)),
        absl::StrCat("errors ",
                     error_share == 0 ? "0" : PercentText(error_share)),
        absl::StrCat("open ",
                     NumberText(static_cast<double>(progress.in_flight)))}) {
    if (line.size() + 2 + field.size() > kColumns) {
      break;
    }
    if (!field.empty()) {
      absl::StrAppend(&line, "  ", field);
    }
  }
  return line;
}

}  // namespace attention::load
