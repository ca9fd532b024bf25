#include "server/inference/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/inference/region_guard.h"

namespace attention::oip {
namespace {

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

std::string Named(absl::string_view name) {
  return absl::StrCat("shared memory region ", Quote(name));
}

absl::Status Refuse(const RegionStatus& region, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(Named(region.name), ": ", why));
}

absl::Status NotRegistered(const std::string& name) {
  return absl::NotFoundError(absl::StrCat(
      Named(name),
      " is not registered: register it first, with its key and size"));
}

// A key is a name without directories, for which shm_open does not ask for the
// slash that it begins with.
absl::Status CheckKey(const RegionStatus& region) {
  absl::string_view name = region.key;
  absl::ConsumePrefix(&name, "/");
  if (name.empty() || name == "." || name == ".." ||
      name.size() > kMaxRegionNameBytes ||
      name.find('/') != absl::string_view::npos ||
      name.find('\0') != absl::string_view::npos) {
    return Refuse(
        region,
        absl::StrCat("its key must be a slash and 1 to ", kMaxRegionNameBytes,
                     " bytes that are no slash, as shm_open takes "
                     "it: \"/tensors\""));
  }
  return absl::OkStatus();
}

absl::Status CheckRegion(const RegionStatus& region) {
  if (region.name.empty() || region.name.size() > kMaxRegionNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("shared memory region: its name has ", region.name.size(),
                     " bytes, 1 to ", kMaxRegionNameBytes, " are allowed"));
  }
  ATTENTION_RETURN_IF_ERROR(CheckKey(region));
  constexpr auto kMaxBytes =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (region.byte_size == 0) return Refuse(region, "byte_size is 0");
  if (region.offset > kMaxBytes ||
      region.byte_size > kMaxBytes - region.offset) {
    return Refuse(region, absl::StrCat("offset ", region.offset,
                                       " and byte_size ", region.byte_size,
                                       " are more than an object can have"));
  }
  return absl::OkStatus();
}

absl::Status CheckSize(const RegionStatus& region, int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return Refuse(region, ErrorText(errno));
  if (!S_ISREG(info.st_mode)) {
    return Refuse(
        region, absl::StrCat(Quote(region.key), " is no shared memory object"));
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (region.offset + region.byte_size > size) {
    return Refuse(
        region,
        absl::StrCat("offset ", region.offset, " and byte_size ",
                     region.byte_size, " end beyond the object ",
                     Quote(region.key), ", which has ", size, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

// A mapping and what guards it.
class SharedMemory::Region {
 public:
  static absl::StatusOr<std::shared_ptr<const Region>> Map(
      const RegionStatus& status) {
    const int fd = shm_open(status.key.c_str(), O_RDWR, 0);
    if (fd < 0) {
      return Refuse(status, absl::StrCat(Quote(status.key),
                                         " cannot be opened to be read and "
                                         "written: ",
                                         ErrorText(errno)));
    }
    const absl::Cleanup closer = [fd] { close(fd); };
    ATTENTION_RETURN_IF_ERROR(CheckSize(status, fd));

    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t skipped = status.offset % page;
    const std::uint64_t size =
        (skipped + status.byte_size + page - 1) / page * page;
    void* const begin = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                             fd, static_cast<off_t>(status.offset - skipped));
    if (begin == MAP_FAILED) {
      return Refuse(status,
                    absl::StrCat(Quote(status.key),
                                 " cannot be mapped: ", ErrorText(errno)));
    }
    std::shared_ptr<Region> region(
        new Region(status, static_cast<std::byte*>(begin), size, skipped));
    ATTENTION_ASSIGN_OR_RETURN(region->guard_,
                               RegionGuard::Create(region->begin_, size));
    return region;
  }

  ~Region() {
    guard_.reset();
    munmap(begin_, size_);
  }

  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  const RegionStatus& status() const { return status_; }
  std::byte* data() const { return begin_ + skipped_; }

  absl::Status CheckIntact() const {
    if (!guard_->broken()) return absl::OkStatus();
    return Refuse(status_,
                  "the object behind it was shrunk, or its memory ran out, "
                  "while it was registered; unregister it and register what "
                  "there is now");
  }

  // What took the place of lost memory must not stay until the client
  // unregisters the region. What is not lost is not touched.
  void DropLostMemory() const {
    if (guard_->broken()) madvise(begin_, size_, MADV_DONTNEED);
  }

 private:
  Region(const RegionStatus& status, std::byte* begin, std::uint64_t size,
         std::uint64_t skipped)
      : status_(status), begin_(begin), size_(size), skipped_(skipped) {}

  const RegionStatus status_;
  std::byte* const begin_;
  const std::uint64_t size_;
  // Bytes of the first page before the region begins.
  const std::uint64_t skipped_;
  std::unique_ptr<RegionGuard> guard_;
};

// The deleter of SharedBytes::data.
struct SharedMemory::Lease {
  std::shared_ptr<const Region> region;

  void operator()(const std::byte*) const { region->DropLostMemory(); }
};

absl::Status SharedMemory::CheckNew(const RegionStatus& region) const {
  if (regions_.contains(region.name)) {
    return absl::AlreadyExistsError(absl::StrCat(
        Named(region.name), " is registered already: unregister it first"));
  }
  if (regions_.size() >= kMaxRegions) {
    return absl::ResourceExhaustedError(
        absl::StrCat(Named(region.name), ": there are ", kMaxRegions,
                     ", as many as there may be; unregister one"));
  }
  return absl::OkStatus();
}

absl::Status SharedMemory::Register(const RegionStatus& region) {
  ATTENTION_RETURN_IF_ERROR(CheckRegion(region));
  {
    MutexLock lock(mutex_);
    ATTENTION_RETURN_IF_ERROR(CheckNew(region));
  }
  // Without the lock, which requests take: it may last.
  ATTENTION_ASSIGN_OR_RETURN(std::shared_ptr<const Region> mapped,
                             Region::Map(region));
  MutexLock lock(mutex_);
  // Somebody else may have been faster.
  ATTENTION_RETURN_IF_ERROR(CheckNew(region));
  regions_.emplace(region.name, std::move(mapped));
  return absl::OkStatus();
}

void SharedMemory::Unregister(const std::string& name) {
  // Unmapped without the lock.
  std::map<std::string, std::shared_ptr<const Region>> gone;
  MutexLock lock(mutex_);
  if (name.empty()) {
    gone.swap(regions_);
  } else {
    gone.insert(regions_.extract(name));
  }
}

absl::StatusOr<std::vector<RegionStatus>> SharedMemory::Status(
    const std::string& name) const {
  std::vector<RegionStatus> found;
  MutexLock lock(mutex_);
  if (name.empty()) {
    for (const auto& entry : regions_) found.push_back(entry.second->status());
    return found;
  }
  const auto region = regions_.find(name);
  if (region == regions_.end()) return NotRegistered(name);
  found.push_back(region->second->status());
  return found;
}

absl::StatusOr<SharedBytes> SharedMemory::Find(const std::string& name,
                                               std::uint64_t offset,
                                               std::uint64_t byte_size) const {
  std::shared_ptr<const Region> region;
  {
    MutexLock lock(mutex_);
    const auto found = regions_.find(name);
    if (found == regions_.end()) return NotRegistered(name);
    region = found->second;
  }
  const RegionStatus& status = region->status();
  if (offset > status.byte_size || byte_size > status.byte_size - offset) {
    return Refuse(status,
                  absl::StrCat("offset ", offset, " and byte_size ", byte_size,
                               " end beyond its ", status.byte_size, " bytes"));
  }
  ATTENTION_RETURN_IF_ERROR(region->CheckIntact());
  std::byte* const data = region->data() + offset;
  return SharedBytes{.data = std::shared_ptr<std::byte[]>(
                         data, Lease{.region = std::move(region)}),
                     .bytes = static_cast<std::int64_t>(byte_size)};
}

absl::Status SharedMemory::CheckIntact(const SharedBytes& bytes) {
  const auto* const lease = std::get_deleter<Lease>(bytes.data);
  return lease == nullptr ? absl::OkStatus() : lease->region->CheckIntact();
}

}  // namespace attention::oip
