// Proves that cores and quota are read from where Linux keeps them: trees below
// a temporary directory stand for /proc and /sys of other machines.
#include "core/base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::ElementsAre;

class CpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "cpu_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    AllowCpus("0-3");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void AllowCpus(const std::string& list) const {
    Write("/proc/self/status",
          "Name:\ttest\nCpus_allowed:\tf\nCpus_allowed_list:\t" + list +
              "\nMems_allowed_list:\t0\n");
  }
  void Siblings(int cpu, const std::string& list) const {
    Write("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
              "/topology/thread_siblings_list",
          list + "\n");
  }
  CpuTopology Read() const { return ReadCpuTopology(root_); }

  std::string root_;
};

TEST_F(CpuTest, ReadsTheModelName) {
  Write("/proc/cpuinfo",
        "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.5GHz\n"
        "processor\t: 1\nmodel name\t: Another\n");
  EXPECT_EQ(Read().model_name, "Some CPU @ 2.5GHz");
}

TEST_F(CpuTest, TheModelNameIsUnknownWhereTheKernelDoesNotSay) {
  Write("/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n");
  EXPECT_EQ(Read().model_name, "unknown");
}

TEST_F(CpuTest, CountsTheCpusOfTheAffinityMask) {
  AllowCpus("0-2,5,8-9");
  EXPECT_EQ(Read().affinity_cpus, 6);
}

TEST_F(CpuTest, AHyperthreadedCoreCountsOnce) {
  for (const int cpu : {0, 2}) Siblings(cpu, "0,2");
  for (const int cpu : {1, 3}) Siblings(cpu, "1,3");
  EXPECT_EQ(Read().affinity_cpus, 4);
  EXPECT_EQ(Read().physical_cores, 2);
}

TEST_F(CpuTest, ACoreCountsWhenOneOfItsThreadsIsAllowed) {
  for (const int cpu : {0, 2}) Siblings(cpu, "0,2");
  for (const int cpu : {1, 3}) Siblings(cpu, "1,3");
  AllowCpus("0,3");
  EXPECT_EQ(Read().physical_cores, 2);
  AllowCpus("1,3");
  EXPECT_EQ(Read().physical_cores, 1);
}

TEST_F(CpuTest, WithoutTopologyEveryCpuIsACore) {
  EXPECT_EQ(Read().physical_cores, 4);
}

TEST_F(CpuTest, PinsToEveryCoreBeforeItsSecondThread) {
  for (const int cpu : {0, 1}) Siblings(cpu, "0-1");
  for (const int cpu : {2, 3}) Siblings(cpu, "2-3");
  EXPECT_THAT(PinOrder(root_), ElementsAre(0, 2, 1, 3));
  for (const int cpu : {0, 2}) Siblings(cpu, "0,2");
  for (const int cpu : {1, 3}) Siblings(cpu, "1,3");
  EXPECT_THAT(PinOrder(root_), ElementsAre(0, 1, 2, 3));
}

TEST_F(CpuTest, PinsOnlyToAllowedCpus) {
  for (const int cpu : {0, 1}) Siblings(cpu, "0-1");
  for (const int cpu : {2, 3}) Siblings(cpu, "2-3");
  AllowCpus("1-3");
  EXPECT_THAT(PinOrder(root_), ElementsAre(1, 2, 3));
}

TEST_F(CpuTest, WithoutTopologyCpusArePinnedInTheirOrder) {
  EXPECT_THAT(PinOrder(root_), ElementsAre(0, 1, 2, 3));
}

TEST_F(CpuTest, ABrokenAffinityListFallsBackToTheScheduler) {
  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  for (const char* list : {"", "a-b", "3-1", "0-999999999", "1-2-3", "-1"}) {
    AllowCpus(list);
    EXPECT_EQ(Read().affinity_cpus, CPU_COUNT(&set)) << list;
  }
}

TEST_F(CpuTest, WithoutCgroupsThereIsNoQuota) {
  EXPECT_EQ(Read().quota_cpus, 0);
}

TEST_F(CpuTest, ReadsTheQuotaOfVersion2) {
  Write("/proc/self/cgroup", "0::/app.slice/server\n");
  Write("/sys/fs/cgroup/app.slice/server/cpu.max", "150000 100000\n");
  EXPECT_EQ(Read().quota_cpus, 1.5);
}

TEST_F(CpuTest, MaxIsNoQuota) {
  Write("/proc/self/cgroup", "0::/app\n");
  Write("/sys/fs/cgroup/app/cpu.max", "max 100000\n");
  EXPECT_EQ(Read().quota_cpus, 0);
}

TEST_F(CpuTest, TheSmallestQuotaUpToTheRootCounts) {
  Write("/proc/self/cgroup", "0::/a/b/c\n");
  Write("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
  Write("/sys/fs/cgroup/a/cpu.max", "800000 100000\n");
  EXPECT_EQ(Read().quota_cpus, 2);
}

// A container's own group is the mount point, and the path is either "/", or
// the host's, or leads out of the container.
TEST_F(CpuTest, FindsTheQuotaOfAContainer) {
  Write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  for (const char* path : {"/", "/docker/0123abc", "/../../other"}) {
    Write("/proc/self/cgroup", std::string("0::") + path + "\n");
    EXPECT_EQ(Read().quota_cpus, 3) << path;
  }
}

TEST_F(CpuTest, ReadsTheQuotaOfVersion1) {
  Write("/proc/self/cgroup",
        "5:memory:/other\n4:cpu,cpuacct:/app/one\n1:name=systemd:/x\n0::/\n");
  const std::string group = "/sys/fs/cgroup/cpu,cpuacct/app";
  Write(group + "/one/cpu.cfs_quota_us", "-1\n");
  Write(group + "/one/cpu.cfs_period_us", "100000\n");
  Write(group + "/cpu.cfs_quota_us", "125000\n");
  Write(group + "/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(Read().quota_cpus, 2.5);
}

TEST_F(CpuTest, Version1IsAlsoFoundUnderTheNameOfTheController) {
  Write("/proc/self/cgroup", "4:cpuacct,cpu:/app\n");
  Write("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "400000\n");
  Write("/sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Read().quota_cpus, 4);
}

// "cpuset" begins as "cpu" does.
TEST_F(CpuTest, OtherControllersHaveNoQuota) {
  Write("/proc/self/cgroup", "4:cpuset,cpuacct:/app\n");
  Write("/sys/fs/cgroup/cpuset,cpuacct/app/cpu.cfs_quota_us", "400000\n");
  Write("/sys/fs/cgroup/cpuset,cpuacct/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Read().quota_cpus, 0);
}

TEST_F(CpuTest, AQuotaThatIsNonsenseIsNone) {
  Write("/proc/self/cgroup", "0::/a\nnonsense\n");
  for (const char* text :
       {"", "100000", "0 100000", "100000 0", "-5 7", "a b", "1 2 3"}) {
    Write("/sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(Read().quota_cpus, 0) << text;
  }
}

TEST_F(CpuTest, UsableCoresAreCoresWithinTheQuotaAndAtLeastOne) {
  CpuTopology topology{.affinity_cpus = 16, .physical_cores = 8};
  EXPECT_EQ(UsableCores(topology), 8);
  topology.quota_cpus = 2.9;
  EXPECT_EQ(UsableCores(topology), 2);
  topology.quota_cpus = 0.5;
  EXPECT_EQ(UsableCores(topology), 1);
  topology.quota_cpus = 64;
  EXPECT_EQ(UsableCores(topology), 8);
}

TEST_F(CpuTest, ThisMachineHasAtLeastOneCoreAndNoMoreThanCpus) {
  const CpuTopology topology = ReadCpuTopology();
  EXPECT_GE(topology.physical_cores, 1);
  EXPECT_LE(topology.physical_cores, topology.affinity_cpus);
  EXPECT_GE(UsableCores(topology), 1);
}

TEST_F(CpuTest, ThreadNamesAreCutToWhatTheKernelTakes) {
  std::thread([] {
    SetThreadName("attention-worker-12");
    char name[32];
    ASSERT_EQ(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    EXPECT_STREQ(name, "attention-worke");
  }).join();
}

TEST_F(CpuTest, PinsToOneCpuOfTheMaskAndCountsRound) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  std::thread([&allowed] {
    int first = -1;
    for (const int index : {0, CPU_COUNT(&allowed)}) {
      ASSERT_TRUE(PinThread(index));
      cpu_set_t set;
      ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
      EXPECT_EQ(CPU_COUNT(&set), 1);
      const int cpu = sched_getcpu();
      EXPECT_TRUE(CPU_ISSET(cpu, &allowed));
      if (first < 0) first = cpu;
      EXPECT_EQ(cpu, first);
    }
  }).join();
  EXPECT_FALSE(PinThread(-1));
}

}  // namespace
}  // namespace attention
