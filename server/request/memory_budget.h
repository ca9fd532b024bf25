// The memory of requests under way and of their answers, which has a limit.
#ifndef SERVER_REQUEST_MEMORY_BUDGET_H_
#define SERVER_REQUEST_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/base/block_pool.h"

namespace attention {

// Thread-safe.
class MemoryBudget {
 public:
  // Bytes of a budget, given back by the destructor. May outlive the budget:
  // gRPC keeps an answer until it is sent.
  class Reservation {
   public:
    Reservation(std::shared_ptr<std::atomic<std::int64_t>> used,
                std::int64_t bytes);
    ~Reservation();

    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;

   private:
    const std::shared_ptr<std::atomic<std::int64_t>> used_;
    const std::int64_t bytes_;
  };

  explicit MemoryBudget(std::int64_t limit_bytes);

  // ResourceExhausted when less is left. Shared by what holds the memory.
  absl::StatusOr<std::shared_ptr<const Reservation>> Reserve(
      std::int64_t bytes);

  std::int64_t limit_bytes() const { return limit_bytes_; }
  std::int64_t used_bytes() const { return used_->load(); }

  // Where the memory of answers is taken, once it is reserved.
  BlockPool& blocks() { return blocks_; }

 private:
  const std::int64_t limit_bytes_;
  const std::shared_ptr<std::atomic<std::int64_t>> used_;
  BlockPool blocks_;
};

}  // namespace attention

#endif  // SERVER_REQUEST_MEMORY_BUDGET_H_
