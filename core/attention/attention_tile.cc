#include "core/attention/attention_tile.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <vector>

#include "core/attention/attn_mask.h"
#include "core/attention/bf16_rows.h"
#include "core/attention/layer_plan.h"
#include "core/attention/pack.h"
#include "core/attention/scale_rows.h"
#include "core/attention/softmax.h"
#include "core/attention/tile_product.h"
#include "core/base/round_up.h"

namespace attention {
namespace {

// Rows of a tile.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

// Rows whose scores of a block of keys stay near from the product through the
// softmax to the next product: 48 KiB. Half as many keys would fit the first
// level of the cache, but then each row is reduced and rescaled twice as often.
constexpr std::int64_t kSoftmaxRows = 24;

class TileRun {
 public:
  TileRun(const AttentionSpec& spec, const Sequence& sequence,
          const PackedSequence& packed, const AttentionTile& tile,
          const MutableRowsView& answer, const RowsView* residual,
          WorkerScratch& scratch)
      : spec_(spec),
        sequence_(sequence),
        packed_(packed),
        tile_(tile),
        answer_(answer),
        residual_(residual),
        scratch_(scratch),
        group_(spec.num_heads / spec.num_kv_heads),
        depth_(spec.head_dim / ElementsPerLane(spec.compute_dtype)),
        contexts_width_(RoundUp(spec.v_head_dim, kColumnMultiple)) {
    scratch.state.Reserve(tile.rows *
                          (4 * sizeof(float) + sizeof(std::int64_t)));
    limits_ = reinterpret_cast<std::int64_t*>(scratch.state.bytes());
    state_.shift = reinterpret_cast<float*>(limits_ + tile.rows);
    state_.sum = state_.shift + tile.rows;
    state_.rescale = state_.sum + tile.rows;
    inverse_sum_ = state_.rescale + tile.rows;
    for (std::int64_t r = 0; r < tile.rows; ++r) {
      limits_[r] = KeyLimit(sequence, tile.first_row + r);
    }
    // Causal limits grow with the row: keys beyond the last one are skipped.
    num_keys_ = limits_[tile.rows - 1];
    scratch.contexts.Reserve(tile.rows * contexts_width_ * sizeof(float));
    PlaceBlocks();
  }

  void Run() {
    const bool average =
        sequence_.attn_weights.kind == AttnWeights::kHeadAverage;
    if (average) StartAverage();
    for (std::int64_t head = tile_.first_head * group_;
         head < tile_.end_head * group_; ++head) {
      AttendHead(head);
      if (sequence_.attn_weights.kind == AttnWeights::kPerHead) {
        StoreWeights(head);
      }
      if (average) AddToAverage();
    }
    if (average) StoreAverage();
  }

 private:
  bool keeps_weights() const {
    return sequence_.attn_weights.kind != AttnWeights::kNone;
  }

  // Blocks of keys: when weights are kept each with its own scores of all rows,
  // otherwise all with the same memory for a few rows.
  void PlaceBlocks() {
    const std::int64_t rows =
        keeps_weights() ? tile_.rows : std::min(kSoftmaxRows, tile_.rows);
    std::int64_t floats = 0;
    for (std::int64_t key = 0; key < num_keys_; key += kKeyBlock) {
      ScoreBlock block;
      block.first_key = key;
      block.width =
          RoundUp(std::min(kKeyBlock, num_keys_ - key), kColumnMultiple);
      blocks_.push_back(block);
      floats = keeps_weights() ? floats + rows * block.width
                               : std::max(floats, rows * block.width);
    }
    scratch_.scores.Reserve(static_cast<std::size_t>(floats) * sizeof(float));
    float* scores = scratch_.scores.floats();
    for (ScoreBlock& block : blocks_) {
      block.scores = scores;
      if (keeps_weights()) scores += rows * block.width;
    }
  }

  void AttendHead(std::int64_t head) {
    std::fill_n(state_.shift, tile_.rows,
                -std::numeric_limits<float>::infinity());
    std::fill_n(state_.sum, tile_.rows, 0.0F);
    if (blocks_.empty()) {
      std::fill_n(scratch_.contexts.floats(), tile_.rows * contexts_width_,
                  0.0F);
      StoreContexts(head, {0, tile_.rows});
      return;
    }
    if (keeps_weights()) {
      const RowRange rows{0, tile_.rows};
      for (const ScoreBlock& block : blocks_) {
        ComputeScores(head, block, rows);
      }
      Softmax(blocks_, DType::kF32, rows);
      for (const ScoreBlock& block : blocks_) AddKeptContexts(head, block);
      StoreContexts(head, {0, tile_.rows});
      return;
    }
    for (const ScoreBlock& block : blocks_) {
      for (std::int64_t row = 0; row < tile_.rows; row += kSoftmaxRows) {
        const RowRange rows{row, std::min(kSoftmaxRows, tile_.rows - row)};
        ComputeScores(head, block, rows);
        Softmax({&block, 1}, spec_.compute_dtype, rows);
        if (block.first_key > 0) RescaleContexts(rows);
        const bool is_last = &block == &blocks_.back();
        if (is_last) FetchAnswer(head, rows);
        AddContexts(head, block, rows, {block.scores, block.width});
        if (is_last) StoreContexts(head, rows);
      }
    }
  }

  void Softmax(std::span<const ScoreBlock> blocks, DType dtype, RowRange rows) {
    SoftmaxTile(blocks, rows.count, limits_ + rows.first, dtype,
                {state_.shift + rows.first, state_.sum + rows.first,
                 state_.rescale + rows.first});
  }

  // scores = queries . keys^T, masked, over the keys of the block.
  void ComputeScores(std::int64_t head, const ScoreBlock& block,
                     RowRange rows) {
    const TileView queries = QueriesOf(head, rows.first);
    const float* keys = KeysOf(head, block);
    if (rows.first == 0) ReadKeysAhead(head, block);
    for (std::int64_t key = 0; key < block.width; key += kPanelColumns) {
      // Of the panel in memory, and of what is wanted of it.
      const std::int64_t panel = std::min(
          kPanelColumns, packed_.placed.key_columns - block.first_key - key);
      const std::int64_t width = std::min(panel, block.width - key);
      MultiplyTile(spec_.compute_dtype,
                   {.rows = rows.count, .columns = width, .depth = depth_},
                   queries, {keys + key * depth_, panel}, false,
                   {block.scores + key, block.width}, keys_ahead_);
    }
    if (sequence_.attn_mask.data == nullptr) return;
    for (std::int64_t i = 0; i < rows.count; ++i) {
      const std::int64_t r = rows.first + i;
      const std::int64_t count =
          std::min(limits_[r] - block.first_key, block.width);
      if (count <= 0) continue;
      ApplyMaskRow(sequence_.attn_mask, head, tile_.first_row + r,
                   block.first_key, count, block.scores + i * block.width);
    }
  }

  // The same where the block keeps the weights of all rows, which stay f32.
  void AddKeptContexts(std::int64_t head, const ScoreBlock& block) {
    if (spec_.compute_dtype == DType::kF32) {
      AddContexts(head, block, {0, tile_.rows}, {block.scores, block.width});
      return;
    }
    constexpr auto kOnes = [] {
      std::array<float, kSoftmaxRows> ones;
      ones.fill(1.0F);
      return ones;
    }();
    scratch_.rounded.Reserve(kSoftmaxRows * block.width *
                             sizeof(std::uint16_t));
    auto* rounded = reinterpret_cast<std::uint16_t*>(scratch_.rounded.bytes());
    for (std::int64_t row = 0; row < tile_.rows; row += kSoftmaxRows) {
      const RowRange rows{row, std::min(kSoftmaxRows, tile_.rows - row)};
      RoundRows({block.scores + row * block.width, block.width}, kOnes.data(),
                rows.count, block.width, {rounded, block.width});
      AddContexts(head, block, rows,
                  {scratch_.rounded.floats(), block.width / 2});
    }
  }

  // contexts += weights . values, over the keys of the block.
  void AddContexts(std::int64_t head, const ScoreBlock& block, RowRange rows,
                   TileView weights) {
    if (rows.first == 0) ReadValuesAhead(head, block);
    MultiplyTile(spec_.compute_dtype,
                 {.rows = rows.count,
                  .columns = spec_.v_head_dim,
                  .depth = ValueRows(block)},
                 weights, ValuesOf(head, block), block.first_key > 0,
                 {ContextsOf(rows.first), contexts_width_}, values_ahead_);
  }

  // Those of the block that some row sees.
  std::int64_t KeysIn(const ScoreBlock& block) const {
    return std::min(block.width, num_keys_ - block.first_key);
  }

  // Of lanes: with bf16 a lane holds the values of two keys.
  std::int64_t ValueRows(const ScoreBlock& block) const {
    const std::int64_t per_lane = ElementsPerLane(spec_.compute_dtype);
    return (KeysIn(block) + per_lane - 1) / per_lane;
  }

  TileView QueriesOf(std::int64_t head, std::int64_t row) const {
    return packed_.layout.queries.Head(
        packed_.arena, head, packed_.placed.first_q + tile_.first_row + row);
  }

  const float* KeysOf(std::int64_t head, const ScoreBlock& block) const {
    return packed_.arena + packed_.placed.keys +
           (head / group_ * packed_.placed.key_columns + block.first_key) *
               depth_;
  }

  TileView ValuesOf(std::int64_t head, const ScoreBlock& block) const {
    if (spec_.compute_dtype == DType::kBF16) {
      const std::int64_t key =
          head / group_ * packed_.placed.key_columns + block.first_key;
      return {
          packed_.arena + packed_.placed.values + key / 2 * spec_.v_head_dim,
          spec_.v_head_dim};
    }
    return packed_.layout.values.Head(
        packed_.arena, head / group_,
        packed_.placed.first_kv + block.first_key);
  }

  // What comes after `block` of `head`: its next block, or the first of the
  // next head; no block after the last.
  struct Upcoming {
    std::int64_t head = 0;
    const ScoreBlock* block = nullptr;
  };

  Upcoming After(std::int64_t head, const ScoreBlock& block) const {
    if (&block != &blocks_.back()) return {head, &block + 1};
    const bool last = head + 1 == tile_.end_head * group_;
    return {head + 1, last ? nullptr : &blocks_.front()};
  }

  void ReadKeysAhead(std::int64_t head, const ScoreBlock& block) {
    const Upcoming next = After(head, block);
    keys_ahead_ = {};
    if (next.block == nullptr) return;
    const float* keys = KeysOf(next.head, *next.block);
    keys_ahead_.now = {keys, keys + next.block->width * depth_};
    if (next.head != head) {
      const TileView queries = QueriesOf(next.head, 0);
      keys_ahead_.then = {queries.data,
                          queries.data + tile_.rows * queries.stride};
    }
    keys_ahead_.lines =
        LinesAtATime({tile_.rows, block.width, depth_}, keys_ahead_);
  }

  void ReadValuesAhead(std::int64_t head, const ScoreBlock& block) {
    const Upcoming next = After(head, block);
    values_ahead_ = {};
    if (next.block == nullptr) return;
    const TileView values = ValuesOf(next.head, *next.block);
    values_ahead_.now = {values.data,
                         values.data + ValueRows(*next.block) * values.stride};
    values_ahead_.lines = LinesAtATime(
        {tile_.rows, spec_.v_head_dim, ValueRows(block)}, values_ahead_);
  }

  float* ContextsOf(std::int64_t row) const {
    return scratch_.contexts.floats() + row * contexts_width_;
  }

  void RescaleContexts(RowRange rows) {
    const float* factors = state_.rescale + rows.first;
    if (std::all_of(factors, factors + rows.count,
                    [](float factor) { return factor == 1.0F; })) {
      return;
    }
    float* contexts = ContextsOf(rows.first);
    ScaleRows({contexts, contexts_width_}, factors, rows.count,
              spec_.v_head_dim, Stores::kCached, {contexts, contexts_width_});
  }

  // Brings the lines that StoreContexts will write nearer: their rows lie far
  // apart.
  void FetchAnswer(std::int64_t head, RowRange rows) const {
    constexpr std::int64_t kLineBytes = 64;
    const auto size = static_cast<std::int64_t>(DTypeSize(answer_.dtype));
    const std::int64_t bytes = spec_.v_head_dim * size;
    for (std::int64_t r = rows.first; r < rows.first + rows.count; ++r) {
      const std::byte* row = answer_.data + head * bytes +
                             (tile_.first_row + r) * answer_.row_stride * size;
      for (std::int64_t b = 0; b < bytes; b += kLineBytes) {
        __builtin_prefetch(row + b, 1);
      }
    }
  }

  // contexts / sum, which is 0 for a row without any key.
  void StoreContexts(std::int64_t head, RowRange rows) {
    for (std::int64_t r = rows.first; r < rows.first + rows.count; ++r) {
      inverse_sum_[r] = state_.sum[r] == 0.0F ? 0.0F : 1.0F / state_.sum[r];
    }
    ScatterRows({ContextsOf(rows.first), contexts_width_},
                inverse_sum_ + rows.first, rows.count, spec_.v_head_dim,
                residual_, Stores::kCached, answer_,
                tile_.first_row + rows.first, head * spec_.v_head_dim);
  }

  MutableRowsView WeightsOf(std::int64_t head) const {
    const AttnWeightsView& to = sequence_.attn_weights;
    return {
        .data = to.data + head * to.head_stride *
                              static_cast<std::int64_t>(DTypeSize(to.dtype)),
        .dtype = to.dtype,
        .row_stride = to.row_stride};
  }

  void StoreWeights(std::int64_t head) const {
    const MutableRowsView to = WeightsOf(head);
    for (const ScoreBlock& block : blocks_) {
      ScatterRows({block.scores, block.width}, inverse_sum_, tile_.rows,
                  KeysIn(block), nullptr, Stores::kStreaming, to,
                  tile_.first_row, block.first_key);
    }
    StoreZeros(to);
  }

  // Keys that no row of the tile sees were never scored.
  void StoreZeros(const MutableRowsView& to) const {
    const auto size = static_cast<std::int64_t>(DTypeSize(to.dtype));
    for (std::int64_t r = 0; r < tile_.rows; ++r) {
      std::byte* row = to.data + (tile_.first_row + r) * to.row_stride * size;
      std::fill(row + num_keys_ * size, row + sequence_.kv_len * size,
                std::byte{0});
    }
  }

  void StartAverage() {
    scratch_.average.Reserve(tile_.rows * num_keys_ * sizeof(float));
    std::fill_n(scratch_.average.floats(), tile_.rows * num_keys_, 0.0F);
  }

  void AddToAverage() {
    for (const ScoreBlock& block : blocks_) {
      AddScaledRows({block.scores, block.width}, inverse_sum_, tile_.rows,
                    KeysIn(block),
                    {scratch_.average.floats() + block.first_key, num_keys_});
    }
  }

  void StoreAverage() {
    const MutableRowsView to = WeightsOf(0);
    std::fill_n(inverse_sum_, tile_.rows,
                1.0F / static_cast<float>(spec_.num_heads));
    ScatterRows({scratch_.average.floats(), num_keys_}, inverse_sum_,
                tile_.rows, num_keys_, nullptr, Stores::kStreaming, to,
                tile_.first_row, 0);
    StoreZeros(to);
  }

  const AttentionSpec& spec_;
  const Sequence& sequence_;
  const PackedSequence& packed_;
  const AttentionTile& tile_;
  const MutableRowsView& answer_;  // of contexts
  const RowsView* const residual_;
  WorkerScratch& scratch_;
  const std::int64_t group_;  // query heads that share keys and values
  const std::int64_t depth_;  // lanes of a query and key head
  const std::int64_t contexts_width_;
  std::int64_t num_keys_ = 0;
  std::int64_t* limits_ = nullptr;
  SoftmaxState state_;
  float* inverse_sum_ = nullptr;  // [rows]
  std::vector<ScoreBlock> blocks_;
  ReadAhead keys_ahead_;
  ReadAhead values_ahead_;
};

}  // namespace

void RunAttentionTile(const AttentionSpec& spec, const Sequence& sequence,
                      const PackedSequence& packed, const AttentionTile& tile,
                      const MutableRowsView& contexts, const RowsView* residual,
                      WorkerScratch& scratch) {
  TileRun(spec, sequence, packed, tile, contexts, residual, scratch).Run();
}

}  // namespace attention
