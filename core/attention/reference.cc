// Multi-head attention in double precision, one plain loop for each formula.
#include "core/attention/reference.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "core/tensor/dtype.h"

namespace attention {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

std::uint16_t ReadBits16(const std::byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return bits;
}

// (-1)^sign * 1.mantissa * 2^(exponent - 15); without the leading 1 and with
// exponent 1 when the exponent's bits are zero.
double HalfToDouble(std::uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  if (exponent == 0x1f) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : -sign * kMinusInfinity;
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// The upper half of a binary32 whose lower half is zero.
double Bfloat16ToDouble(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

// Element `index` of an array of `dtype`; a boolean is 0 or 1.
double ReadElement(const std::byte* data, DType dtype, std::int64_t index) {
  const std::byte* at =
      data + index * static_cast<std::int64_t>(DTypeSize(dtype));
  switch (dtype) {
    case DType::kF32: {
      float value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    case DType::kF16:
      return HalfToDouble(ReadBits16(at));
    case DType::kBF16:
      return Bfloat16ToDouble(ReadBits16(at));
    case DType::kBool:
      return *at != std::byte{0} ? 1 : 0;
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

// A dense, row-major matrix.
struct Matrix {
  Matrix(std::int64_t num_rows, std::int64_t num_columns)
      : rows(num_rows),
        columns(num_columns),
        values(static_cast<std::size_t>(num_rows * num_columns)) {}

  double* Row(std::int64_t row) { return values.data() + row * columns; }
  const double* Row(std::int64_t row) const {
    return values.data() + row * columns;
  }

  std::int64_t rows;
  std::int64_t columns;
  std::vector<double> values;
};

// matrix[r, c] = view[r * row_stride + c]
Matrix ReadRows(const RowsView& view, std::int64_t rows, std::int64_t columns) {
  const auto size = static_cast<std::int64_t>(DTypeSize(view.dtype));
  std::vector<std::byte> joined(static_cast<std::size_t>(columns * size));
  Matrix matrix(rows, columns);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t start = r * view.row_stride * size;
    const std::byte* row = joined.data();
    if (view.fragments == nullptr) {
      row = view.data + start;
    } else {
      view.fragments->Copy(view.first_byte + start, columns * size,
                           joined.data());
    }
    for (std::int64_t c = 0; c < columns; ++c) {
      matrix.Row(r)[c] = ReadElement(row, view.dtype, c);
    }
  }
  return matrix;
}

// y[r, o] = sum over i of x[r, i] * weight[o, i] + bias[o]
Matrix Linear(const Matrix& x, const LinearWeights& linear) {
  const TensorView& weight = linear.weight;
  const RowsView weight_rows{weight.data, weight.dtype, weight.shape[1]};
  const Matrix w = ReadRows(weight_rows, weight.shape[0], weight.shape[1]);
  Matrix y(x.rows, w.rows);
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t o = 0; o < w.rows; ++o) {
      double sum = 0;
      for (std::int64_t i = 0; i < w.columns; ++i) {
        sum += x.Row(r)[i] * w.Row(o)[i];
      }
      if (linear.bias.data != nullptr) {
        sum += ReadElement(linear.bias.data, linear.bias.dtype, o);
      }
      y.Row(r)[o] = sum;
    }
  }
  return y;
}

// What attn_mask and is_causal add to a score: -Inf when the key takes no part.
double MaskBias(const Sequence& sequence, std::int64_t head, std::int64_t q,
                std::int64_t k) {
  if (sequence.is_causal && k > q) return kMinusInfinity;
  const AttnMaskView& mask = sequence.attn_mask;
  if (mask.data == nullptr) return 0;
  const double value = ReadElement(
      mask.data, mask.dtype,
      head * mask.head_stride + q * mask.q_stride + k * mask.k_stride);
  if (mask.dtype != DType::kBool) return value;
  return value != 0 ? 0 : kMinusInfinity;
}

// scores[k] = sum over d of query[d] * keys[k, d] * scale + mask bias; exactly
// -Inf, whatever the key holds, when the key takes no part.
std::vector<double> Scores(const Sequence& sequence, std::int64_t head,
                           std::int64_t q, const double* query,
                           const Matrix& keys, std::int64_t first_column,
                           std::int64_t head_dim) {
  std::vector<double> scores(static_cast<std::size_t>(keys.rows));
  for (std::int64_t k = 0; k < keys.rows; ++k) {
    const double bias = MaskBias(sequence, head, q, k);
    if (bias == kMinusInfinity) {
      scores[k] = kMinusInfinity;
      continue;
    }
    const double* key = keys.Row(k) + first_column;
    double dot = 0;
    for (std::int64_t d = 0; d < head_dim; ++d) dot += query[d] * key[d];
    scores[k] = dot * static_cast<double>(sequence.scale) + bias;
  }
  return scores;
}

// weights[k] = exp(scores[k] - max) / sum over j of exp(scores[j] - max); all
// zeros when no key takes part. NaN reaches the whole row.
void Softmax(const std::vector<double>& scores, double* weights) {
  double max = kMinusInfinity;
  bool takes_part = false;
  for (const double score : scores) {
    if (score > max) max = score;
    if (score != kMinusInfinity) takes_part = true;
  }
  if (!takes_part) return;
  double sum = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    weights[k] = std::exp(scores[k] - max);
    sum += weights[k];
  }
  for (std::size_t k = 0; k < scores.size(); ++k) weights[k] /= sum;
}

// context[d] = sum over k that take part of weights[k] * values[k, d]
void WeightedSumOfValues(const std::vector<double>& scores,
                         const double* weights, const Matrix& values,
                         std::int64_t first_column, std::int64_t v_head_dim,
                         double* context) {
  for (std::int64_t k = 0; k < values.rows; ++k) {
    if (scores[k] == kMinusInfinity) continue;
    const double* value = values.Row(k) + first_column;
    for (std::int64_t d = 0; d < v_head_dim; ++d) {
      context[d] += weights[k] * value[d];
    }
  }
}

}  // namespace

ReferenceResult ReferenceAttention(const AttentionSpec& spec,
                                   const ProjectionWeights* weights,
                                   const Sequence& sequence) {
  const std::int64_t q_len = sequence.q_len;
  const std::int64_t kv_len = sequence.kv_len;
  const bool projects = weights != nullptr;

  const Matrix inputs = ReadRows(
      sequence.queries, q_len,
      projects ? weights->embed_dim() : spec.num_heads * spec.head_dim);
  Matrix queries = inputs;
  Matrix keys =
      ReadRows(sequence.keys, kv_len,
               projects ? weights->kdim() : spec.num_kv_heads * spec.head_dim);
  Matrix values = ReadRows(
      sequence.values, kv_len,
      projects ? weights->vdim() : spec.num_kv_heads * spec.v_head_dim);
  if (projects) {
    queries = Linear(queries, weights->q_proj);
    keys = Linear(keys, weights->k_proj);
    values = Linear(values, weights->v_proj);
  }

  ReferenceResult result;
  result.attn_weights.assign(
      static_cast<std::size_t>(spec.num_heads * q_len * kv_len), 0.0);
  Matrix contexts(q_len, spec.num_heads * spec.v_head_dim);
  for (std::int64_t head = 0; head < spec.num_heads; ++head) {
    const std::int64_t kv_head = head / (spec.num_heads / spec.num_kv_heads);
    for (std::int64_t q = 0; q < q_len; ++q) {
      const std::vector<double> scores =
          Scores(sequence, head, q, queries.Row(q) + head * spec.head_dim, keys,
                 kv_head * spec.head_dim, spec.head_dim);
      double* row = result.attn_weights.data() + (head * q_len + q) * kv_len;
      Softmax(scores, row);
      WeightedSumOfValues(scores, row, values, kv_head * spec.v_head_dim,
                          spec.v_head_dim,
                          contexts.Row(q) + head * spec.v_head_dim);
    }
  }

  if (projects) contexts = Linear(contexts, weights->out_proj);
  result.contexts = std::move(contexts.values);
  if (sequence.residual) {
    for (std::size_t i = 0; i < result.contexts.size(); ++i) {
      result.contexts[i] += inputs.values[i];
    }
  }
  return result;
}

std::vector<double> HeadAverage(const AttentionSpec& spec,
                                const Sequence& sequence,
                                const std::vector<double>& attn_weights) {
  const std::size_t matrix =
      static_cast<std::size_t>(sequence.q_len * sequence.kv_len);
  std::vector<double> average(matrix, 0.0);
  for (std::int64_t head = 0; head < spec.num_heads; ++head) {
    for (std::size_t i = 0; i < matrix; ++i) {
      average[i] += attn_weights[static_cast<std::size_t>(head) * matrix + i];
    }
  }
  for (double& weight : average) weight /= static_cast<double>(spec.num_heads);
  return average;
}

}  // namespace attention
