#include "server/inference/region_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/mutex.h"

namespace attention::oip {
namespace {

// A guarded mapping, [begin, end). Written under g_mutex, read by the handler
// at any time: `version` is odd while the others change.
struct Slot {
  std::atomic<std::uint64_t> version = 0;
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<bool> broken = false;
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

constinit std::array<Slot, kMaxGuardedRegions> g_slots;
// Slots that were ever in use are the first ones.
constinit std::atomic<std::size_t> g_used_slots = 0;
Mutex g_mutex;
std::once_flag g_installed;
// Set before the handler is.
struct sigaction g_previous{};

void SetSlot(Slot& slot, std::uintptr_t begin, std::uintptr_t end) {
  slot.version.fetch_add(1);
  slot.begin = begin;
  slot.end = end;
  slot.broken = false;
  slot.version.fetch_add(1);
}

// The end of the mapping that holds `address`, which is marked as broken; 0
// when none does. A mapping that somebody touches does not change, so one that
// does is another one.
std::uintptr_t Break(std::uintptr_t address) {
  const std::size_t used = g_used_slots.load();
  for (std::size_t i = 0; i < used; ++i) {
    Slot& slot = g_slots[i];
    const std::uint64_t version = slot.version.load();
    const std::uintptr_t begin = slot.begin.load();
    const std::uintptr_t end = slot.end.load();
    if (address < begin || address >= end) continue;
    if (version % 2 != 0 || slot.version.load() != version) continue;
    slot.broken = true;
    return end;
  }
  return 0;
}

// Puts zeros where nothing is from `address` on. An object ends once: if this
// page of it is gone, so are all after it.
bool Mend(std::uintptr_t address) {
  const std::uintptr_t end = Break(address);
  if (end == 0) return false;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = address & ~(page - 1);
  // A system call and no more, which a handler may make.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is an address.
  return mmap(reinterpret_cast<void*>(begin), end - begin,
              PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
              0) != MAP_FAILED;
}

// What would have happened without this file.
void HandleAsBefore(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(signal, info, context);
    return;
  }
  if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
    return;
  }
  // One that somebody sent does not come again by itself, as the one of an
  // instruction does.
  const bool sent = info->si_code <= 0;
  if (sent && g_previous.sa_handler == SIG_IGN) return;
  sigaction(SIGBUS, &g_previous, nullptr);
  if (sent) raise(SIGBUS);
}

void HandleBusError(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool mended = info->si_code == BUS_ADRERR &&
                      Mend(reinterpret_cast<std::uintptr_t>(info->si_addr));
  if (!mended) HandleAsBefore(signal, info, context);
  errno = saved_errno;
}

void InstallHandler() {
  sigaction(SIGBUS, nullptr, &g_previous);
  struct sigaction action{};
  action.sa_sigaction = HandleBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RegionGuard>> RegionGuard::Create(
    std::byte* begin, std::size_t bytes) {
  std::call_once(g_installed, InstallHandler);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  MutexLock lock(g_mutex);
  for (std::size_t i = 0; i < g_slots.size(); ++i) {
    if (g_slots[i].begin.load() != 0) continue;
    SetSlot(g_slots[i], address, address + bytes);
    if (i >= g_used_slots.load()) g_used_slots = i + 1;
    return std::unique_ptr<RegionGuard>(new RegionGuard(i));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "there are ", kMaxGuardedRegions,
      " shared memory regions in use, unregistered ones among them"));
}

RegionGuard::~RegionGuard() {
  MutexLock lock(g_mutex);
  SetSlot(g_slots[slot_], 0, 0);
}

bool RegionGuard::broken() const { return g_slots[slot_].broken.load(); }

}  // namespace attention::oip
