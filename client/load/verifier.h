// Answers against the double-precision reference.
#ifndef CLIENT_LOAD_VERIFIER_H_
#define CLIENT_LOAD_VERIFIER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"
#include "client/load/request_pool.h"

namespace attention::load {

// How far an answer may be from the reference, relative to the largest
// magnitude of the same sequence in the same tensor.
//
// f32: sums of some thousand products; the kernel is three times better, one
// that is wrong for a CPU far worse.
inline constexpr double kF32Tolerance = 1e-5;
// Outputs of 11 and 8 bits of mantissa: four and five times what rounding the
// right answer costs, 2^-11 and 2^-8.
inline constexpr double kF16Tolerance = 2e-3;
inline constexpr double kBf16Tolerance = 2e-2;
// Computed in bf16: inputs, parameters and all that lies between are rounded to
// 8 bits, some ten times one after another.
inline constexpr double kBf16ComputeTolerance = 5e-2;

// Knows the parameters of the models that it judges; `sdpa` needs none. Not
// thread-safe: it remembers, in some 256 MB, what it computed for a request. A
// request is known by its address and its queries; it does not change.
class Verifier {
 public:
  // `weights` maps a name to the path that the server serves under it, as in
  // --model NAME=PATH. Errors are those of the loader, with the path.
  static absl::StatusOr<Verifier> Create(
      const std::map<std::string, std::string>& weights);

  Verifier(Verifier&&) noexcept;
  Verifier& operator=(Verifier&&) noexcept;
  ~Verifier();

  // InvalidArgument, saying what to do, unless the model of the request can be
  // judged.
  absl::Status CanCheck(const PreparedRequest& request) const;

  // OK when contexts and, if asked for, attn_weights have the right shapes,
  // types and padding, and are within the larger of the tolerances for their
  // type and compute_dtype. Otherwise Internal, which says where and by how
  // much; or the error of CanCheck. REQUIRES: PrepareRequests made it.
  absl::Status Check(const PreparedRequest& request,
                     const AttendResult& result);

 private:
  class Impl;
  explicit Verifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_VERIFIER_H_
