// What all reports show: the steps of a run, and what was concluded from them.
#ifndef CLIENT_LOAD_REPORT_H_
#define CLIENT_LOAD_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/load/objectives.h"
#include "client/load/step.h"

namespace attention::load {

// The windows of requests after an overload, all together.
struct RecoveryWindows {
  int count = 0;
  // Those that say more about the client than about the server.
  int invalid = 0;
  // As in Step.
  std::int64_t verified = 0;
  std::int64_t wrong = 0;
  std::map<std::string, std::int64_t> messages{};
};

// Where overload leaves a deployment: a step past the knee, and what followed.
struct Overload {
  double factor = 0;  // times the knee's rate
  Step step{};
  double goodput = 0;  // see Goodput
  // Then there is no telling how soon the deployment recovers.
  bool is_limited_by_client = false;
  // From the end of the overload to the start of the first two windows in a row
  // that held the objectives at 0.8 of the knee; none when no two did.
  std::optional<Seconds> recovery{};
  RecoveryWindows windows{};
};

// What a sweep found.
struct Sweep {
  // All steps up to the knee and around it, in the order they were run.
  std::vector<Step> steps{};
  // The one of the highest rate that held the objectives; -1 when none did.
  int knee = -1;
  // Why no higher rate is the knee. Only with kServer one was seen not to hold
  // for which the deployment is to blame.
  enum class Limit : std::uint8_t { kServer, kClient, kMaxRate };
  Limit limit = Limit::kServer;
  std::vector<Overload> overloads{};
  // Factors of overloads that are above the highest rate allowed.
  std::vector<double> skipped_overloads{};
};

// A ratio B / A over the rounds: geometric mean and an interval that holds with
// 95 % confidence together with those of the two others.
struct Ratio {
  std::string name{};  // "answered/s", "p50", "p99"
  double mean = 1;
  double low = 1;
  double high = 1;
};

// Turns A B A B of the same load.
struct Comparison {
  std::string a{};  // what the user calls them
  std::string b{};
  std::vector<Step> steps_a{};
  std::vector<Step> steps_b{};
  std::vector<Ratio> ratios{};
};

struct ObjectiveResult {
  Objective objective{};
  double value = 0;  // in the objective's unit
  bool held = false;
};

struct Report {
  std::string command{};  // the command line
  std::string started{};  // RFC 3339
  // "CPU", "server", "threads" and the like, in the order to be shown.
  std::vector<std::pair<std::string, std::string>> environment{};
  std::string workload{};  // its description in a line
  // A name of Protocol; those of A and B, "typed, oip", if they differ.
  std::string protocol{};
  // Exactly one of these three.
  std::optional<Step> step{};
  std::optional<Sweep> sweep{};
  std::optional<Comparison> comparison{};
  std::vector<ObjectiveResult> objectives{};
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_REPORT_H_
