// A Linear layer packed for the kernel, a few columns at a time.
#ifndef CORE_ATTENTION_PROJECTION_H_
#define CORE_ATTENTION_PROJECTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/attention/gemm.h"
#include "core/attention/projection_weights.h"

namespace attention {

// y = x . weight^T + bias, cut into chunks of columns that stay in the
// second-level cache while rows pass. Immutable; thread-safe.
class Projection {
 public:
  Projection() = default;

  // Chunks hold whole groups of `unit` columns (a head). The weights are
  // copied into `slab` as `dtype`, see PackedMatrix.
  static absl::StatusOr<Projection> Create(const LinearWeights& weights,
                                           std::int64_t unit, DType dtype,
                                           Slab& slab);

  std::int64_t in_features() const { return in_features_; }
  std::int64_t out_features() const { return out_features_; }
  // Columns of every chunk but the last, which may have fewer.
  std::int64_t chunk_columns() const { return chunk_columns_; }
  std::int64_t num_chunks() const {
    return static_cast<std::int64_t>(chunks_.size());
  }
  const PackedMatrix& chunk(std::int64_t index) const {
    return chunks_[static_cast<std::size_t>(index)];
  }
  // See PackedMatrix: tiles of rows are padded to a multiple of this.
  std::int64_t row_multiple() const { return row_multiple_; }

 private:
  std::int64_t in_features_ = 0;
  std::int64_t out_features_ = 0;
  std::int64_t chunk_columns_ = 0;
  std::int64_t row_multiple_ = 1;
  std::vector<PackedMatrix> chunks_;
};

}  // namespace attention

#endif  // CORE_ATTENTION_PROJECTION_H_
