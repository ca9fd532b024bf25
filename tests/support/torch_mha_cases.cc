// Cases of torch.nn.MultiheadAttention.
#include "tests/support/torch_mha_cases.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// Stored as f32, with a scale of f32: 6e-8 for the first, and for the second
// 6e-8 times the score.
constexpr double kStoredError = 3e-7;

// Ten times what PyTorch itself is off in f32 (1e-7 to 7e-7, and 4e-6 where
// logits are large) would hide errors; three times does not.
constexpr double kTolerance = 2e-6;
constexpr double kLargeLogitsTolerance = 1e-5;

// A mask as what it adds to the scores, [batch or 1, heads or 1, q_len or 1,
// kv_len].
struct Bias {
  bool is_boolean = true;
  std::array<std::int64_t, 4> shape{1, 1, 1, 1};
  std::vector<double> values{};

  double at(std::int64_t b, std::int64_t h, std::int64_t q,
            std::int64_t k) const {
    const std::array<std::int64_t, 4> index{b, h, q, k};
    std::int64_t flat = 0;
    for (int axis = 0; axis < 4; ++axis) {
      flat = flat * shape[axis] + (shape[axis] == 1 ? 0 : index[axis]);
    }
    return values[flat];
  }
};

// PyTorch's polarity: true is ignored.
Bias ReadBias(const TensorView& mask,
              const std::array<std::int64_t, 4>& shape) {
  Bias bias{.is_boolean = mask.dtype == DType::kBool, .shape = shape};
  const std::int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
  if (!bias.is_boolean) {
    bias.values = ToDoubles(mask.data, mask.dtype, count);
    return bias;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    bias.values.push_back(mask.data[i] != std::byte{0} ? kMinusInfinity : 0);
  }
  return bias;
}

// PyTorch adds key_padding_mask to attn_mask.
Bias Sum(const Bias& a, const Bias& b) {
  Bias sum{.is_boolean = a.is_boolean && b.is_boolean};
  for (int axis = 0; axis < 4; ++axis) {
    sum.shape[axis] = std::max(a.shape[axis], b.shape[axis]);
  }
  for (std::int64_t n = 0; n < sum.shape[0]; ++n) {
    for (std::int64_t h = 0; h < sum.shape[1]; ++h) {
      for (std::int64_t q = 0; q < sum.shape[2]; ++q) {
        for (std::int64_t k = 0; k < sum.shape[3]; ++k) {
          sum.values.push_back(a.at(n, h, q, k) + b.at(n, h, q, k));
        }
      }
    }
  }
  return sum;
}

// Our polarity: true takes part.
HostTensor ToMask(const Bias& bias) {
  HostTensor mask;
  mask.dtype = bias.is_boolean ? DType::kBool : DType::kF32;
  mask.shape =
      Shape(std::vector<std::int64_t>(bias.shape.begin(), bias.shape.end()));
  for (const double value : bias.values) {
    if (bias.is_boolean) {
      mask.data.push_back(std::byte{value == 0});
      continue;
    }
    const auto bytes = std::bit_cast<std::array<std::byte, sizeof(float)>>(
        static_cast<float>(value));
    mask.data.insert(mask.data.end(), bytes.begin(), bytes.end());
  }
  return mask;
}

// The keys of each sequence when `padding` [batch, 1, 1, kv_len] leaves out
// those at the end and nothing else; empty otherwise.
std::vector<std::int64_t> LengthsOf(const Bias& padding) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t b = 0; b < padding.shape[0]; ++b) {
    std::int64_t length = 0;
    while (length < padding.shape[3] && padding.at(b, 0, 0, length) == 0) {
      ++length;
    }
    for (std::int64_t k = length; k < padding.shape[3]; ++k) {
      if (padding.at(b, 0, 0, k) != kMinusInfinity) return {};
    }
    lengths.push_back(length);
  }
  return lengths;
}

// True when `mask` leaves out the keys after the query and nothing else.
bool IsTriangle(const Bias& mask) {
  if (mask.shape[0] != 1 || mask.shape[1] != 1) return false;
  for (std::int64_t q = 0; q < mask.shape[2]; ++q) {
    for (std::int64_t k = 0; k < mask.shape[3]; ++k) {
      if (mask.at(0, 0, q, k) != (k > q ? kMinusInfinity : 0)) return false;
    }
  }
  return true;
}

// Rows [first, first + rows) of `tensor`.
TensorView Rows(const TensorView& tensor, std::int64_t first,
                std::int64_t rows) {
  TensorView part = tensor;
  std::vector<std::int64_t> dims = tensor.shape.dims();
  std::int64_t row_bytes = static_cast<std::int64_t>(DTypeSize(tensor.dtype));
  for (std::size_t axis = 1; axis < dims.size(); ++axis) {
    row_bytes *= dims[axis];
  }
  dims[0] = rows;
  part.shape = Shape(std::move(dims));
  part.data = tensor.data + first * row_bytes;
  return part;
}

TensorView Find(const Safetensors& file, const std::string& name) {
  const auto found = file.tensors().find(name);
  return found == file.tensors().end() ? TensorView{} : found->second;
}

absl::StatusOr<ProjectionWeights> ReadWeights(
    std::shared_ptr<const Safetensors> file, const std::string& prefix) {
  ProjectionWeights weights;
  ATTENTION_ASSIGN_OR_RETURN(weights.out_proj.weight,
                             file->Get(prefix + "out_proj.weight"));
  weights.out_proj.bias = Find(*file, prefix + "out_proj.bias");
  const std::int64_t width = weights.out_proj.weight.shape[0];
  const TensorView packed = Find(*file, prefix + "in_proj_weight");
  const TensorView bias = Find(*file, prefix + "in_proj_bias");
  const std::array<LinearWeights*, 3> parts{&weights.q_proj, &weights.k_proj,
                                            &weights.v_proj};
  const std::array<const char*, 3> names{"q", "k", "v"};
  for (int i = 0; i < 3; ++i) {
    parts[i]->weight =
        packed.data != nullptr
            ? Rows(packed, i * width, width)
            : Find(*file, absl::StrCat(prefix, names[i], "_proj_weight"));
    if (parts[i]->weight.data == nullptr) {
      return absl::NotFoundError(prefix + "in_proj_weight");
    }
    if (bias.data != nullptr) parts[i]->bias = Rows(bias, i * width, width);
  }
  weights.storage = std::move(file);
  return weights;
}

bool Says(const Safetensors& file, absl::string_view key,
          absl::string_view value) {
  const auto found = file.metadata().find(key);
  return found != file.metadata().end() && found->second == value;
}

// What lies before "out_proj.weight" in the names of the parameters.
absl::StatusOr<std::string> Prefix(const Safetensors& file) {
  constexpr absl::string_view kOutProj = "out_proj.weight";
  for (const auto& [name, tensor] : file.tensors()) {
    if (absl::EndsWith(name, kOutProj)) {
      return name.substr(0, name.size() - kOutProj.size());
    }
  }
  return absl::NotFoundError("out_proj.weight");
}

// Everything but the masks.
absl::StatusOr<ConformanceCase> ReadCase(
    const std::string& name, const std::string& path,
    const std::shared_ptr<const Safetensors>& file) {
  ConformanceCase a_case{.name = name, .model_path = path, .model_name = name};
  ATTENTION_ASSIGN_OR_RETURN(const std::string prefix, Prefix(*file));
  if (Find(*file, prefix + "bias_k").data != nullptr ||
      Says(*file, "add_zero_attn", "True")) {
    return absl::UnimplementedError("add_bias_kv or add_zero_attn");
  }
  ATTENTION_ASSIGN_OR_RETURN(a_case.weights, ReadWeights(file, prefix));
  std::int64_t num_heads = 0;
  const auto found = file->metadata().find("num_heads");
  if (found == file->metadata().end() ||
      !absl::SimpleAtoi(found->second, &num_heads)) {
    return absl::NotFoundError("num_heads in the metadata");
  }
  const std::int64_t head_dim = a_case.weights->embed_dim() / num_heads;
  a_case.spec = {num_heads, num_heads, head_dim, head_dim};

  ATTENTION_ASSIGN_OR_RETURN(const TensorView query, file->Get("query"));
  a_case.queries = CopyTensor(query);
  if (const TensorView key = Find(*file, "key"); key.data != nullptr) {
    ATTENTION_ASSIGN_OR_RETURN(const TensorView value, file->Get("value"));
    a_case.keys = CopyTensor(key);
    a_case.values = CopyTensor(value);
  }
  ATTENTION_ASSIGN_OR_RETURN(const TensorView output, file->Get("output"));
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t contexts,
                             output.shape.ElementCount());
  a_case.contexts = ToDoubles(output.data, output.dtype, contexts);
  if (const TensorView weights = Find(*file, "attn_weights");
      weights.data != nullptr) {
    ATTENTION_ASSIGN_OR_RETURN(const std::int64_t count,
                               weights.shape.ElementCount());
    a_case.attn_weights = ToDoubles(weights.data, weights.dtype, count);
    a_case.attn_weights_kind = weights.shape.rank() == 3
                                   ? AttnWeights::kHeadAverage
                                   : AttnWeights::kPerHead;
  }
  a_case.stored_error = kStoredError;
  const bool is_large = absl::StrContains(name, "large_logits");
  a_case.tolerance = is_large ? kLargeLogitsTolerance : kTolerance;
  a_case.peer_error = is_large ? "4e-6" : "1e-7 to 7e-7";
  return a_case;
}

// `a_case` with attn_mask, or is_causal where that says the same.
void AddWithMask(ConformanceCase a_case, const std::string& form,
                 const std::optional<Bias>& mask,
                 std::vector<ConformanceCase>& cases) {
  const std::string name = a_case.name;
  a_case.name = absl::StrCat(name, form, mask.has_value() ? " attn_mask" : "");
  if (mask.has_value()) a_case.attn_mask = ToMask(*mask);
  cases.push_back(a_case);
  if (mask.has_value() && IsTriangle(*mask)) {
    a_case.name = absl::StrCat(name, form, " is_causal");
    a_case.attn_mask.reset();
    a_case.is_causal = true;
    cases.push_back(std::move(a_case));
  }
}

}  // namespace

absl::StatusOr<std::vector<ConformanceCase>> TorchMhaCases(
    const std::string& name, const std::string& path,
    const std::shared_ptr<const Safetensors>& file) {
  ATTENTION_ASSIGN_OR_RETURN(ConformanceCase a_case,
                             ReadCase(name, path, file));
  const std::int64_t q_len = a_case.q_len();
  const std::int64_t kv_len = a_case.kv_len();

  std::optional<Bias> mask;
  if (const TensorView view = Find(*file, "attn_mask"); view.data != nullptr) {
    const bool per_head = view.shape.rank() == 3;
    mask =
        ReadBias(view, {per_head ? a_case.batch() : 1,
                        per_head ? a_case.spec.num_heads : 1, q_len, kv_len});
  }
  // A causal file without a mask of its own means the flag.
  a_case.is_causal = !mask.has_value() && Says(*file, "causal", "True");

  std::vector<ConformanceCase> cases;
  const TensorView view = Find(*file, "key_padding_mask");
  if (view.data == nullptr) {
    AddWithMask(std::move(a_case), "", mask, cases);
    return cases;
  }
  const Bias padding = ReadBias(view, {a_case.batch(), 1, 1, kv_len});
  AddWithMask(a_case, "", mask.has_value() ? Sum(*mask, padding) : padding,
              cases);
  const std::vector<std::int64_t> lengths = LengthsOf(padding);
  const bool is_self = !a_case.keys.has_value();
  const bool has_empty =
      std::find(lengths.begin(), lengths.end(), 0) != lengths.end();
  if (!lengths.empty() && !(is_self && has_empty)) {
    (is_self ? a_case.q_lengths : a_case.kv_lengths) = lengths;
    AddWithMask(std::move(a_case), " lengths", mask, cases);
  }
  return cases;
}

}  // namespace attention
