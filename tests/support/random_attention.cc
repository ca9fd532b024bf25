// Random layers and sequences, laid out in memory as unkindly as callers may.
#include "tests/support/random_attention.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/tensor/convert_dtype.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

// All bits set are NaN in every floating type, and true.
constexpr std::byte kPoison{0xff};
constexpr std::byte kUntouched{0xa5};

// sdpa scores stay in [-2.25, 2.25] * sqrt(head_dim) before the scale.
constexpr float kInputBound = 1.5F;

double ReferenceWork(const RandomLayer& layer, const SequenceShape& shape) {
  const auto q_len = static_cast<double>(shape.q_len);
  const auto kv_len = static_cast<double>(shape.kv_len);
  const AttentionSpec& spec = layer.spec;
  // A score also costs its exp and its mask.
  constexpr double kScoreCost = 20;
  double work =
      q_len * kv_len * static_cast<double>(spec.num_heads) *
      (static_cast<double>(spec.head_dim + spec.v_head_dim) + kScoreCost);
  if (layer.model == nullptr) return work;
  const ProjectionWeights& weights = layer.model->weights();
  const auto size = [](const LinearWeights& linear) {
    return static_cast<double>(linear.weight.shape[0]) *
           static_cast<double>(linear.weight.shape[1]);
  };
  work += q_len * (size(weights.q_proj) + size(weights.out_proj));
  return work + kv_len * (size(weights.k_proj) + size(weights.v_proj));
}

}  // namespace

StridedRows::StridedRows(DType dtype, std::int64_t rows, std::int64_t width,
                         std::int64_t gap, std::size_t offset, std::byte fill)
    : dtype_(dtype), rows_(rows), width_(width), gap_(gap), offset_(offset) {
  bytes_.assign(kGuard + RowStart(rows) + kGuard, fill);
}

std::size_t StridedRows::RowStart(std::int64_t row) const {
  return offset_ + static_cast<std::size_t>(row * stride()) * DTypeSize(dtype_);
}

RowsView StridedRows::view() const {
  if (pieces_ == nullptr) return {data(), dtype_, stride()};
  return {.dtype = dtype_,
          .row_stride = stride(),
          .fragments = &pieces_->fragments(),
          .first_byte = first_byte_};
}

std::span<const std::byte> StridedRows::Span() const {
  if (rows_ == 0) return {};
  const std::size_t last_row =
      static_cast<std::size_t>(width_) * DTypeSize(dtype_);
  return {data(), RowStart(rows_ - 1) - offset_ + last_row};
}

void StridedRows::ViewIn(std::shared_ptr<const CutBytes> pieces,
                         std::int64_t first_byte) {
  pieces_ = std::move(pieces);
  first_byte_ = first_byte;
}

void StridedRows::Set(std::int64_t row, std::int64_t column, float value) {
  std::byte* at = data() + (row * stride() + column) *
                               static_cast<std::int64_t>(DTypeSize(dtype_));
  if (dtype_ == DType::kBool) {
    *at = static_cast<std::byte>(value);
  } else {
    ConvertFromF32(&value, 1, dtype_, at);
  }
}

std::vector<std::byte> StridedRows::RowBytes() const {
  const std::size_t row_bytes =
      static_cast<std::size_t>(width_) * DTypeSize(dtype_);
  std::vector<std::byte> dense;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::byte* start = bytes_.data() + kGuard + RowStart(row);
    dense.insert(dense.end(), start, start + row_bytes);
  }
  return dense;
}

std::vector<double> StridedRows::Dense() const {
  return ToDoubles(RowBytes().data(), dtype_, rows_ * width_);
}

void StridedRows::Fill(std::byte fill) {
  std::fill(bytes_.begin(), bytes_.end(), fill);
}

bool StridedRows::SurroundingsAre(std::byte fill) const {
  StridedRows copy = *this;
  const std::size_t row_bytes =
      static_cast<std::size_t>(width_) * DTypeSize(dtype_);
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::byte* start = copy.bytes_.data() + kGuard + RowStart(row);
    std::fill(start, start + row_bytes, fill);
  }
  return std::all_of(copy.bytes_.begin(), copy.bytes_.end(),
                     [fill](std::byte byte) { return byte == fill; });
}

std::string SequenceShape::ToString() const {
  constexpr const char* kMasks[] = {"none", "boolean", "float"};
  constexpr const char* kWeights[] = {"none", "head average", "per head"};
  return absl::StrCat(
      "q_len ", q_len, ", kv_len ", kv_len, ", mask ",
      kMasks[static_cast<int>(mask)], mask_per_head ? " per head" : "",
      mask_per_query ? " per query" : "", mask_per_key ? " per key" : "",
      is_causal ? ", causal" : "", residual ? ", residual" : "",
      is_self_attention ? ", self-attention" : "", ", scale ", scale, ", ",
      std::string(DTypeName(dtype)), " to ",
      std::string(DTypeName(output_dtype)), ", attn_weights ",
      kWeights[static_cast<int>(attn_weights)]);
}

Sequence OwnedSequence::View() {
  Sequence view;
  view.q_len = shape.q_len;
  view.kv_len = shape.kv_len;
  view.queries = queries.view();
  view.keys = shape.is_self_attention ? view.queries : keys.view();
  view.values = shape.is_self_attention ? view.queries : values.view();
  if (shape.mask != RandomMask::kNone) {
    const std::int64_t mask_rows = shape.mask_per_query ? shape.q_len : 1;
    view.attn_mask = {
        .data = mask.data(),
        .dtype = mask.dtype(),
        .head_stride = shape.mask_per_head ? mask_rows * mask.stride() : 0,
        .q_stride = shape.mask_per_query ? mask.stride() : 0,
        .k_stride = shape.mask_per_key ? 1 : 0};
  }
  view.is_causal = shape.is_causal;
  view.scale = shape.scale;
  view.residual = shape.residual;
  view.contexts = {contexts.data(), contexts.dtype(), contexts.stride()};
  view.attn_weights = {.kind = shape.attn_weights};
  if (shape.attn_weights != AttnWeights::kNone) {
    view.attn_weights.data = attn_weights.data();
    view.attn_weights.dtype = attn_weights.dtype();
    view.attn_weights.head_stride = shape.q_len * attn_weights.stride();
    view.attn_weights.row_stride = attn_weights.stride();
  }
  return view;
}

void OwnedSequence::ClearOutputs() {
  contexts.Fill(kUntouched);
  attn_weights.Fill(kUntouched);
}

bool OwnedSequence::OutputSurroundingsUntouched() const {
  return contexts.SurroundingsAre(kUntouched) &&
         attn_weights.SurroundingsAre(kUntouched);
}

std::vector<std::byte> OwnedSequence::OutputBytes() const {
  std::vector<std::byte> bytes = contexts.RowBytes();
  const std::vector<std::byte> weights = attn_weights.RowBytes();
  bytes.insert(bytes.end(), weights.begin(), weights.end());
  return bytes;
}

std::int64_t RandomAttention::Integer(std::int64_t low, std::int64_t high) {
  // Not std::uniform_int_distribution, which differs between libraries.
  return low + static_cast<std::int64_t>(
                   engine_() % static_cast<std::uint64_t>(high - low + 1));
}

std::int64_t RandomAttention::Size(std::int64_t high) {
  const double size =
      std::exp(Uniform(0, 1) * std::log(static_cast<double>(high) + 1));
  return std::clamp(static_cast<std::int64_t>(size), std::int64_t{1}, high);
}

float RandomAttention::Uniform(float low, float high) {
  const float unit = static_cast<float>(engine_() >> 40) * 0x1p-24F;
  return low + (high - low) * unit;
}

DType RandomAttention::Floating() {
  constexpr DType kTypes[] = {DType::kF32, DType::kF32, DType::kF16,
                              DType::kBF16};
  return kTypes[Integer(0, 3)];
}

AttentionSpec RandomAttention::DrawSpec(const RandomLimits& limits) {
  AttentionSpec spec;
  spec.num_heads = Size(limits.heads);
  spec.num_kv_heads = spec.num_heads;
  while (OneIn(2)) {
    const std::int64_t kv_heads = Integer(1, spec.num_heads);
    if (spec.num_heads % kv_heads == 0) spec.num_kv_heads = kv_heads;
  }
  spec.head_dim = Size(limits.head_dim);
  if (compute_dtype_ == DType::kBF16) spec.head_dim += spec.head_dim % 2;
  spec.v_head_dim = OneIn(3) ? Size(limits.head_dim) : spec.head_dim;
  return spec;
}

AttentionSpec RandomAttention::Computing(AttentionSpec spec) const {
  if (compute_dtype_ == DType::kBF16 && spec.head_dim % 2 == 0) {
    spec.compute_dtype = compute_dtype_;
  }
  return spec;
}

RandomLayer RandomAttention::MakeSdpa(const AttentionSpec& spec) {
  return {.spec = Computing(spec),
          .query_width = spec.num_heads * spec.head_dim,
          .key_width = spec.num_kv_heads * spec.head_dim,
          .value_width = spec.num_kv_heads * spec.v_head_dim,
          .context_width = spec.num_heads * spec.v_head_dim};
}

RandomLayer RandomAttention::MakeProjected(const AttentionSpec& spec,
                                           std::int64_t embed_dim,
                                           std::int64_t kdim, std::int64_t vdim,
                                           DType dtype, bool has_bias) {
  const auto storage = std::make_shared<std::vector<StridedRows>>();
  const auto linear = [&](std::int64_t out, std::int64_t in) {
    // Results are about as large as what goes in.
    const float bound = std::sqrt(3 / static_cast<float>(in));
    StridedRows weight(dtype, out, in, 0, 0, kPoison);
    StridedRows bias(dtype, 1, out, 0, 0, kPoison);
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t i = 0; i < in; ++i) {
        weight.Set(o, i, Uniform(-bound, bound));
      }
      bias.Set(0, o, Uniform(-0.5F, 0.5F));
    }
    LinearWeights result;
    storage->push_back(std::move(weight));
    result.weight = {dtype, {out, in}, storage->back().data()};
    if (!has_bias) return result;
    storage->push_back(std::move(bias));
    result.bias = {dtype, {out}, storage->back().data()};
    return result;
  };
  ProjectionWeights weights;
  weights.q_proj = linear(spec.num_heads * spec.head_dim, embed_dim);
  weights.k_proj = linear(spec.num_kv_heads * spec.head_dim, kdim);
  weights.v_proj = linear(spec.num_kv_heads * spec.v_head_dim, vdim);
  weights.out_proj = linear(embed_dim, spec.num_heads * spec.v_head_dim);
  weights.storage = storage;

  const AttentionSpec computing = Computing(spec);
  auto model = Model::Create("random", computing, std::move(weights));
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", model.status().ToString().c_str());
    std::abort();
  }
  return {.spec = computing,
          .model = *std::move(model),
          .query_width = embed_dim,
          .key_width = kdim,
          .value_width = vdim,
          .context_width = embed_dim};
}

RandomLayer RandomAttention::DrawLayer(const RandomLimits& limits) {
  const AttentionSpec spec = DrawSpec(limits);
  if (OneIn(2)) return MakeSdpa(spec);
  const std::int64_t embed_dim = Size(limits.width);
  const bool same = OneIn(2);
  const std::int64_t kdim = same ? embed_dim : Size(limits.width);
  const std::int64_t vdim = same ? embed_dim : Size(limits.width);
  return MakeProjected(spec, embed_dim, kdim, vdim, Floating(), !OneIn(4));
}

SequenceShape RandomAttention::DrawShape(const RandomLayer& layer,
                                         const RandomLimits& limits) {
  SequenceShape shape;
  shape.q_len = Size(limits.len);
  shape.kv_len = OneIn(3) ? shape.q_len : Size(limits.len);
  if (OneIn(40)) shape.kv_len = 0;
  while (ReferenceWork(layer, shape) > limits.work &&
         std::max(shape.q_len, shape.kv_len) > 1) {
    (shape.q_len > shape.kv_len ? shape.q_len : shape.kv_len) /= 2;
  }
  shape.mask = static_cast<RandomMask>(Integer(0, 2));
  shape.mask_per_head = OneIn(2);
  shape.mask_per_query = !OneIn(3);
  shape.mask_per_key = !OneIn(6);
  shape.is_causal = OneIn(3);
  shape.residual = layer.context_width == layer.query_width && OneIn(3);
  if (layer.key_width == layer.query_width &&
      layer.value_width == layer.query_width && OneIn(3)) {
    shape.is_self_attention = true;
    shape.kv_len = shape.q_len;
  }
  shape.scale =
      layer.spec.DefaultScale() * (OneIn(3) ? Uniform(-2.0F, 2.0F) : 1.0F);
  shape.dtype = Floating();
  shape.output_dtype = Floating();
  shape.attn_weights = static_cast<AttnWeights>(Integer(0, 2));
  return shape;
}

OwnedSequence RandomAttention::MakeSequence(const RandomLayer& layer,
                                            const SequenceShape& shape) {
  OwnedSequence sequence;
  sequence.shape = shape;
  sequence.queries =
      Inputs(shape.dtype, shape.q_len, layer.query_width, kInputBound);
  sequence.keys =
      Inputs(shape.dtype, shape.kv_len, layer.key_width, kInputBound);
  sequence.values =
      Inputs(shape.dtype, shape.kv_len, layer.value_width, kInputBound);
  if (shape.mask != RandomMask::kNone) sequence.mask = Mask(layer, shape);
  sequence.contexts =
      Outputs(shape.output_dtype, shape.q_len, layer.context_width);
  if (shape.attn_weights != AttnWeights::kNone) {
    const bool per_head = shape.attn_weights == AttnWeights::kPerHead;
    sequence.attn_weights = Outputs(
        shape.output_dtype, shape.q_len * (per_head ? layer.spec.num_heads : 1),
        shape.kv_len);
  }
  return sequence;
}

void RandomAttention::CutInputs(std::span<OwnedSequence> sequences) {
  std::vector<std::byte> bytes;
  std::vector<std::pair<StridedRows*, std::int64_t>> starts;
  const bool apart = OneIn(2);
  for (const auto input : {&OwnedSequence::queries, &OwnedSequence::keys,
                           &OwnedSequence::values}) {
    for (OwnedSequence& sequence : sequences) {
      if (apart) bytes.resize(bytes.size() + Integer(0, 20), kPoison);
      StridedRows& rows = sequence.*input;
      starts.emplace_back(&rows, std::ssize(bytes));
      const std::span<const std::byte> added = rows.Span();
      bytes.insert(bytes.end(), added.begin(), added.end());
    }
  }
  const auto pieces = std::make_shared<const CutBytes>(
      bytes, DrawCuts(std::ssize(bytes), engine_));
  for (const auto& [rows, start] : starts) rows->ViewIn(pieces, start);
}

StridedRows RandomAttention::Inputs(DType dtype, std::int64_t rows,
                                    std::int64_t width, float bound) {
  StridedRows inputs(dtype, rows, width, OneIn(2) ? 0 : Size(20),
                     OneIn(2) ? 0 : static_cast<std::size_t>(Size(15)),
                     kPoison);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      inputs.Set(row, column, Uniform(-bound, bound));
    }
  }
  return inputs;
}

StridedRows RandomAttention::Outputs(DType dtype, std::int64_t rows,
                                     std::int64_t width) {
  return StridedRows(dtype, rows, width, OneIn(2) ? 0 : Size(20),
                     OneIn(2) ? 0 : static_cast<std::size_t>(Size(15)),
                     kUntouched);
}

StridedRows RandomAttention::Mask(const RandomLayer& layer,
                                  const SequenceShape& shape) {
  const bool is_boolean = shape.mask == RandomMask::kBoolean;
  const std::int64_t rows = (shape.mask_per_head ? layer.spec.num_heads : 1) *
                            (shape.mask_per_query ? shape.q_len : 1);
  const std::int64_t keys = std::min<std::int64_t>(
      shape.mask_per_key ? shape.kv_len : 1, shape.kv_len);
  StridedRows mask =
      Inputs(is_boolean ? DType::kBool : shape.dtype, rows, keys, kInputBound);
  // From rows that see nearly everything to rows that see nothing.
  const std::int64_t density = Integer(1, 4);
  for (std::int64_t row = 0; row < rows; ++row) {
    const bool sees_nothing = OneIn(10);
    for (std::int64_t key = 0; key < keys; ++key) {
      const bool excluded = sees_nothing || OneIn(1 + density);
      if (is_boolean) {
        mask.Set(row, key, excluded ? 0 : static_cast<float>(Integer(1, 255)));
      } else if (excluded) {
        mask.Set(row, key, -std::numeric_limits<float>::infinity());
      }
    }
  }
  return mask;
}

}  // namespace attention
