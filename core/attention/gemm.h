// Rows times packed weights, by oneDNN, single-threaded.
//
// gemm.cc is the only file that knows oneDNN.
#ifndef CORE_ATTENTION_GEMM_H_
#define CORE_ATTENTION_GEMM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/slab.h"
#include "core/tensor/dtype.h"

namespace attention {

// A constant right-hand side [k, n] with an optional bias [n], held in the
// format that oneDNN multiplies fastest. Immutable; thread-safe.
class PackedMatrix {
 public:
  // `weight` is [n, k] as in torch.nn.Linear; `bias` [n] may be null. Both are
  // copied, into pieces of `slab`, the weight as `dtype`: kF32, or kBF16
  // (REQUIRES: HasBf16Products()).
  static absl::StatusOr<PackedMatrix> Create(std::int64_t k, std::int64_t n,
                                             DType dtype, const float* weight,
                                             const float* bias, Slab& slab);

  std::int64_t k() const;
  std::int64_t n() const;
  // Of the weight, and of what it is multiplied with.
  DType dtype() const;
  // A row of a product has the same bits wherever it stands among the others
  // only if their number is a multiple of this, so callers pad.
  std::int64_t row_multiple() const;

  class Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit PackedMatrix(std::shared_ptr<const Impl> impl);

  std::shared_ptr<const Impl> impl_;
};

// Runs products on the thread that made it. Products are compiled at the first
// use of a shape and shared by all runners of the process. Errors are Internal,
// or ResourceExhausted where memory ran out.
class GemmRunner {
 public:
  // Tells OpenMP that this thread computes alone.
  GemmRunner();
  ~GemmRunner();
  GemmRunner(const GemmRunner&) = delete;
  GemmRunner& operator=(const GemmRunner&) = delete;

  // c [m, b.n] = a [m, b.k] * b + bias, where a is of b.dtype() and c of
  // `c_dtype`: kF32, or also kBF16 when b is; sums are f32.
  // REQUIRES: m is a multiple of b.row_multiple().
  absl::Status Multiply(std::int64_t m, const std::byte* a,
                        const PackedMatrix& b, DType c_dtype, std::byte* c);

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

// oneDNN's name for the best instruction set that it uses, and its version:
// "avx512_core_bf16 (oneDNN 2.6.3)".
std::string GemmIsaName();

// True when oneDNN multiplies bf16 with instructions made for it.
bool GemmHasBf16();

// Which instructions oneDNN may use at most.
enum class GemmIsa : std::uint8_t { kAvx2, kAvx512 };

// False when oneDNN has compiled something already.
bool LimitGemmIsa(GemmIsa isa);

}  // namespace attention

#endif  // CORE_ATTENTION_GEMM_H_
