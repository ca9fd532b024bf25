// What the machine and its cgroup let this process use.
#ifndef CORE_BASE_CPU_H_
#define CORE_BASE_CPU_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace attention {

struct CpuTopology {
  // As in /proc/cpuinfo, "unknown" where the kernel does not say.
  std::string model_name = "unknown";
  // Logical CPUs in the affinity mask of this process.
  int affinity_cpus = 1;
  // Physical cores among them (a core with two hyperthreads counts once).
  int physical_cores = 1;
  // CPUs of the cgroup's quota (v2 cpu.max, v1 cpu.cfs_quota_us), the smallest
  // on the way to the root; 0 when there is no quota.
  double quota_cpus = 0;
};

// Reads the topology of this process below `root`, the mount point of /proc
// and /sys ("" in production, a directory of its own in a test).
CpuTopology ReadCpuTopology(absl::string_view root = "");

// Threads that can compute at once without slowing each other down: physical
// cores, not more than the quota, at least 1.
int UsableCores(const CpuTopology& topology);

// Names the calling thread in ps, top and gdb; at most 15 characters count.
void SetThreadName(const std::string& name);

// The CPUs of the process's affinity mask, one of each core before the second
// of any, so that as many threads as cores do not share one.
std::vector<int> PinOrder(absl::string_view root = "");

// Binds the calling thread to the `index`-th CPU of PinOrder(), counted round.
// Returns false when the kernel refuses.
bool PinThread(int index);

}  // namespace attention

#endif  // CORE_BASE_CPU_H_
