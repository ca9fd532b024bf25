// Random layers and sequences, laid out in memory as unkindly as callers may.
//
// Inputs start at any byte, rows lie apart, and everything around and between
// them is NaN; around and between outputs lies a pattern that must survive.
#ifndef TESTS_SUPPORT_RANDOM_ATTENTION_H_
#define TESTS_SUPPORT_RANDOM_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/attention/attention_spec.h"
#include "core/attention/sequence.h"
#include "core/model/model.h"
#include "tests/support/cut_bytes.h"

namespace attention {

// Rows that own their memory.
class StridedRows {
 public:
  StridedRows() = default;
  // All bytes are `fill`. `gap` elements lie between rows, the first row starts
  // `offset` bytes after an aligned address.
  StridedRows(DType dtype, std::int64_t rows, std::int64_t width,
              std::int64_t gap, std::size_t offset, std::byte fill);

  DType dtype() const { return dtype_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t width() const { return width_; }
  std::int64_t stride() const { return width_ + gap_; }
  std::byte* data() { return bytes_.data() + kGuard + offset_; }
  const std::byte* data() const { return bytes_.data() + kGuard + offset_; }
  RowsView view() const;

  // From the first byte of the rows to the last, and what is between them.
  std::span<const std::byte> Span() const;
  // From now on view() is what `pieces` hold from `first_byte` on: a copy of
  // the rows.
  void ViewIn(std::shared_ptr<const CutBytes> pieces, std::int64_t first_byte);

  // A boolean is the byte `value`.
  void Set(std::int64_t row, std::int64_t column, float value);
  // [rows, width].
  std::vector<double> Dense() const;
  // The bytes of the rows alone.
  std::vector<std::byte> RowBytes() const;
  // Every byte `fill`, rows included.
  void Fill(std::byte fill);
  // True when all bytes but those of the rows are `fill`.
  bool SurroundingsAre(std::byte fill) const;

 private:
  static constexpr std::size_t kGuard = 64;

  std::size_t RowStart(std::int64_t row) const;

  DType dtype_ = DType::kF32;
  std::int64_t rows_ = 0;
  std::int64_t width_ = 0;
  std::int64_t gap_ = 0;
  std::size_t offset_ = 0;
  std::vector<std::byte> bytes_{};
  std::shared_ptr<const CutBytes> pieces_{};
  std::int64_t first_byte_ = 0;
};

// A layer with projections of its own, or `sdpa`, which has no model.
struct RandomLayer {
  AttentionSpec spec{};
  std::shared_ptr<const Model> model{};
  // Of one row.
  std::int64_t query_width = 0;
  std::int64_t key_width = 0;
  std::int64_t value_width = 0;
  std::int64_t context_width = 0;

  const ProjectionWeights* weights() const {
    return model == nullptr ? nullptr : &model->weights();
  }
};

enum class RandomMask : std::uint8_t { kNone, kBoolean, kFloat };

// What one sequence is like.
struct SequenceShape {
  std::int64_t q_len = 1;
  std::int64_t kv_len = 1;
  RandomMask mask = RandomMask::kNone;
  bool mask_per_head = false;
  bool mask_per_query = true;
  bool mask_per_key = true;
  bool is_causal = false;
  bool residual = false;
  // Keys and values are the queries' rows.
  bool is_self_attention = false;
  double scale = 1;
  DType dtype = DType::kF32;         // of queries, keys, values, float masks
  DType output_dtype = DType::kF32;  // of contexts and weights
  AttnWeights attn_weights = AttnWeights::kPerHead;

  std::string ToString() const;
};

// A sequence that owns its inputs and outputs.
struct OwnedSequence {
  SequenceShape shape{};
  StridedRows queries{};
  StridedRows keys{};
  StridedRows values{};
  StridedRows mask{};  // [heads or 1 * q_len or 1, kv_len or 1]
  StridedRows contexts{};
  StridedRows attn_weights{};  // [heads * q_len or q_len, kv_len]

  // Valid as long as this is neither moved nor destroyed.
  Sequence View();
  void ClearOutputs();
  bool OutputSurroundingsUntouched() const;
  // Contexts and weights.
  std::vector<std::byte> OutputBytes() const;
};

// The largest that is drawn.
struct RandomLimits {
  std::int64_t len = 600;
  std::int64_t heads = 32;
  std::int64_t head_dim = 256;
  std::int64_t width = 300;
  // Multiply-adds that the reference may take for one sequence.
  double work = 3e6;
};

// Draws from a seed: the same seed gives the same.
class RandomAttention {
 public:
  explicit RandomAttention(std::uint64_t seed) : engine_(seed) {}

  // From now on layers compute in bf16, where their heads have an even width.
  void ComputeInBf16() { compute_dtype_ = DType::kBF16; }

  // Uniform in [low, high].
  std::int64_t Integer(std::int64_t low, std::int64_t high);
  // In [1, high], small ones as likely as large ones.
  std::int64_t Size(std::int64_t high);
  bool OneIn(std::int64_t n) { return Integer(1, n) == 1; }
  float Uniform(float low, float high);

  AttentionSpec DrawSpec(const RandomLimits& limits);
  RandomLayer MakeSdpa(const AttentionSpec& spec);
  // A model with random parameters; kdim and vdim may differ from embed_dim.
  RandomLayer MakeProjected(const AttentionSpec& spec, std::int64_t embed_dim,
                            std::int64_t kdim, std::int64_t vdim, DType dtype,
                            bool has_bias);
  // Any of the above.
  RandomLayer DrawLayer(const RandomLimits& limits);

  SequenceShape DrawShape(const RandomLayer& layer, const RandomLimits& limits);
  OwnedSequence MakeSequence(const RandomLayer& layer,
                             const SequenceShape& shape);

  // Puts queries, keys and values of all sequences into a row of bytes, as a
  // message would, and cuts that into pieces, where their views are then.
  void CutInputs(std::span<OwnedSequence> sequences);

 private:
  DType Floating();
  AttentionSpec Computing(AttentionSpec spec) const;
  // Uniform in [-bound, bound].
  StridedRows Inputs(DType dtype, std::int64_t rows, std::int64_t width,
                     float bound);
  StridedRows Outputs(DType dtype, std::int64_t rows, std::int64_t width);
  StridedRows Mask(const RandomLayer& layer, const SequenceShape& shape);

  std::mt19937_64 engine_;
  DType compute_dtype_ = DType::kF32;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_RANDOM_ATTENTION_H_
