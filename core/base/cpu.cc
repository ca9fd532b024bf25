#include "core/base/cpu.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace attention {
namespace {

// More CPUs than any machine has; a list beyond that is nonsense.
constexpr int kMaxCpus = 1 << 16;

// The file's text, nothing when it cannot be read.
std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return std::nullopt;
  return text;
}

// The value of the first line `key<blanks>: value`.
std::optional<std::string> ReadField(const std::string& path,
                                     absl::string_view key) {
  const std::optional<std::string> text = ReadText(path);
  if (!text) return std::nullopt;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::ConsumePrefix(&line, key)) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, ":")) continue;
    return std::string(absl::StripAsciiWhitespace(line));
  }
  return std::nullopt;
}

// "0-3,8" as {0, 1, 2, 3, 8}; empty when it is not such a list.
std::vector<int> ParseCpuList(absl::string_view list) {
  std::vector<int> cpus;
  for (const absl::string_view part : absl::StrSplit(list, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    int first = 0;
    int last = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &first) ||
        !absl::SimpleAtoi(ends.back(), &last) || first < 0 || first > last ||
        last >= kMaxCpus) {
      return {};
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<int> SchedulerCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// The affinity mask of the process, that of its main thread: a worker that is
// pinned already still sees all. Where /proc does not tell, the mask of the
// calling thread.
std::vector<int> AllowedCpus(absl::string_view root) {
  const std::optional<std::string> list =
      ReadField(absl::StrCat(root, "/proc/self/status"), "Cpus_allowed_list");
  std::vector<int> cpus;
  if (list) cpus = ParseCpuList(*list);
  if (cpus.empty()) cpus = SchedulerCpus();
  return cpus;
}

// A name of the core that the CPU belongs to. A CPU without topology counts as
// a core.
std::string CoreOf(absl::string_view root, int cpu) {
  return ReadText(absl::StrCat(root, "/sys/devices/system/cpu/cpu", cpu,
                               "/topology/thread_siblings_list"))
      .value_or(absl::StrCat("cpu", cpu));
}

int CountCores(absl::string_view root, const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (const int cpu : cpus) cores.insert(CoreOf(root, cpu));
  return static_cast<int>(cores.size());
}

// quota / period as CPUs; 0 unless both are positive numbers.
double QuotaCpus(absl::string_view quota, absl::string_view period) {
  std::int64_t quota_us = 0;
  std::int64_t period_us = 0;
  if (!absl::SimpleAtoi(quota, &quota_us) ||
      !absl::SimpleAtoi(period, &period_us) || quota_us <= 0 ||
      period_us <= 0) {
    return 0;
  }
  return static_cast<double>(quota_us) / static_cast<double>(period_us);
}

// "max 100000" is no quota.
double GroupQuotaV2(const std::string& directory) {
  const std::optional<std::string> text = ReadText(directory + "/cpu.max");
  if (!text) return 0;
  const std::vector<absl::string_view> words =
      absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  return words.size() == 2 ? QuotaCpus(words[0], words[1]) : 0;
}

// A quota of -1 is none.
double GroupQuotaV1(const std::string& directory) {
  const std::optional<std::string> quota =
      ReadText(directory + "/cpu.cfs_quota_us");
  const std::optional<std::string> period =
      ReadText(directory + "/cpu.cfs_period_us");
  return quota && period ? QuotaCpus(*quota, *period) : 0;
}

// The smallest quota from the group `path` up to the mount point. Groups that
// are not there are passed over: inside a container the path often is the
// host's, while the container's own group is the mount point.
double SmallestQuota(const std::string& mount, std::string path,
                     double (*group_quota)(const std::string&)) {
  // "/../.." leads out of this cgroup namespace: only its root can be seen.
  if (absl::StrContains(path, "..")) path.clear();
  double smallest = 0;
  while (true) {
    while (absl::EndsWith(path, "/")) path.pop_back();
    const double quota = group_quota(mount + path);
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
    if (path.empty()) return smallest;
    const std::size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
}

// Of all hierarchies that /proc/self/cgroup names, "ID:CONTROLLERS:PATH" each.
// Version 2 has no controllers.
double ReadQuota(absl::string_view root) {
  const std::optional<std::string> groups =
      ReadText(absl::StrCat(root, "/proc/self/cgroup"));
  if (!groups) return 0;
  const std::string base = absl::StrCat(root, "/sys/fs/cgroup");
  double smallest = 0;
  const auto add = [&smallest](double quota) {
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
  };
  for (const absl::string_view line : absl::StrSplit(*groups, '\n')) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::string& controllers = parts[1];
    if (controllers.empty()) {
      add(SmallestQuota(base, parts[2], GroupQuotaV2));
      // Where versions 1 and 2 are mounted side by side.
      add(SmallestQuota(base + "/unified", parts[2], GroupQuotaV2));
      continue;
    }
    const std::vector<absl::string_view> names =
        absl::StrSplit(controllers, ',');
    if (std::find(names.begin(), names.end(), "cpu") == names.end()) continue;
    add(SmallestQuota(absl::StrCat(base, "/", controllers), parts[2],
                      GroupQuotaV1));
    add(SmallestQuota(base + "/cpu", parts[2], GroupQuotaV1));
  }
  return smallest;
}

}  // namespace

CpuTopology ReadCpuTopology(absl::string_view root) {
  CpuTopology topology;
  topology.model_name =
      ReadField(absl::StrCat(root, "/proc/cpuinfo"), "model name")
          .value_or(topology.model_name);
  const std::vector<int> cpus = AllowedCpus(root);
  if (!cpus.empty()) {
    topology.affinity_cpus = static_cast<int>(cpus.size());
    topology.physical_cores = CountCores(root, cpus);
  }
  topology.quota_cpus = ReadQuota(root);
  return topology;
}

int UsableCores(const CpuTopology& topology) {
  double cores = topology.physical_cores;
  // Rounded down: a thread more than the quota pays for is a thread that stops
  // in the middle of a batch.
  if (topology.quota_cpus > 0) cores = std::min(cores, topology.quota_cpus);
  return std::max(1, static_cast<int>(cores));
}

void SetThreadName(const std::string& name) {
  // The kernel refuses longer names altogether.
  constexpr std::size_t kMaxNameBytes = 15;
  pthread_setname_np(pthread_self(), name.substr(0, kMaxNameBytes).c_str());
}

std::vector<int> PinOrder(absl::string_view root) {
  std::map<std::string, int> seen;
  // How many CPUs of the same core come before.
  std::vector<std::pair<int, int>> ranks_and_cpus;
  for (const int cpu : AllowedCpus(root)) {
    ranks_and_cpus.emplace_back(seen[CoreOf(root, cpu)]++, cpu);
  }
  std::sort(ranks_and_cpus.begin(), ranks_and_cpus.end());
  std::vector<int> cpus;
  cpus.reserve(ranks_and_cpus.size());
  for (const auto& [rank, cpu] : ranks_and_cpus) cpus.push_back(cpu);
  return cpus;
}

bool PinThread(int index) {
  const std::vector<int> cpus = PinOrder();
  if (index < 0 || cpus.empty()) return false;
  const int cpu = cpus[static_cast<std::size_t>(index) % cpus.size()];
  if (cpu >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

}  // namespace attention
