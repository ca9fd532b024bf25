// Answers against the double-precision reference.
#include "client/load/verifier.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/attend_input.h"
#include "client/cli/tensor_convert.h"
#include "client/load/expected_answer.h"
#include "core/base/status_macros.h"
#include "core/model/model_loader.h"
#include "core/model/model_registry.h"
#include "core/tensor/convert_dtype.h"

namespace attention::load {
namespace {

constexpr std::int64_t kMaxCacheBytes = std::int64_t{256} << 20;

template <typename... Parts>
absl::Status Wrong(const Parts&... parts) {
  return absl::InternalError(absl::StrCat(parts...));
}

double ToleranceOf(const AttendCall& call, ElementType dtype) {
  double tolerance = kF32Tolerance;
  if (dtype == ElementType::kF16) {
    tolerance = kF16Tolerance;
  } else if (dtype == ElementType::kBF16) {
    tolerance = kBf16Tolerance;
  }
  return call.compute_dtype == ElementType::kBF16
             ? std::max(tolerance, kBf16ComputeTolerance)
             : tolerance;
}

// One sequence inside a tensor: `matrices` of [rows, columns] one after
// another, of which all but the first [valid_rows, valid_columns] is padding.
struct Block {
  std::int64_t sequence = 0;
  std::int64_t start = 0;  // element
  std::int64_t matrices = 1;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t valid_rows = 0;
  std::int64_t valid_columns = 0;
  // [matrices, valid_rows, valid_columns].
  const std::vector<double>* expected = nullptr;
};

// An element of a block.
struct Place {
  std::int64_t matrix = 0;
  std::int64_t row = 0;
  std::int64_t column = 0;
};

// Compares a tensor, whose name is for messages.
class TensorCheck {
 public:
  TensorCheck(absl::string_view name, const Tensor& tensor)
      : name_(name), tensor_(tensor) {}

  // The form of the tensor; after it, its bytes can be read.
  absl::Status CheckForm(ElementType dtype,
                         const std::vector<std::int64_t>& shape) {
    if (tensor_.dtype != dtype) {
      return Wrong(name_, " are ", ElementName(tensor_.dtype), ", asked for ",
                   ElementName(dtype));
    }
    if (tensor_.shape != shape) {
      return Wrong(name_, " are [", absl::StrJoin(tensor_.shape, ", "),
                   "], must be [", absl::StrJoin(shape, ", "), "]");
    }
    std::size_t count = 1;
    for (const std::int64_t dim : shape) {
      count *= static_cast<std::size_t>(dim);
    }
    if (tensor_.bytes.size() != count * ElementSize(dtype)) {
      return Wrong(name_, " have ", tensor_.bytes.size(),
                   " bytes, their shape takes ", count * ElementSize(dtype));
    }
    values_.resize(count);
    ConvertToF32(tensor_.bytes.data(), ToDType(dtype),
                 static_cast<std::int64_t>(count), values_.data());
    return absl::OkStatus();
  }

  absl::Status CheckBlock(const Block& block, double tolerance) const {
    double magnitude = 0;
    for (const double value : *block.expected) {
      magnitude = std::max(magnitude, std::abs(value));
    }
    double worst = -1;
    Place place;
    std::int64_t next = 0;
    for (std::int64_t m = 0; m < block.matrices; ++m) {
      for (std::int64_t r = 0; r < block.valid_rows; ++r) {
        for (std::int64_t c = 0; c < block.valid_columns; ++c) {
          const double off =
              Difference(At(block, {m, r, c}), (*block.expected)[next++]);
          if (off > worst) {
            worst = off;
            place = {m, r, c};
          }
        }
      }
    }
    if (worst > tolerance * magnitude) {
      const std::int64_t index =
          (place.matrix * block.valid_rows + place.row) * block.valid_columns +
          place.column;
      return Wrong(Name(block, place), " is ", At(block, place), ", expected ",
                   (*block.expected)[index], ", off by ", worst,
                   ", allowed is ", tolerance * magnitude, " (", tolerance,
                   " of the largest, ", magnitude, ")");
    }
    return CheckPadding(block);
  }

 private:
  // NaN is infinitely wrong.
  static double Difference(double got, double expected) {
    const double off = std::abs(got - expected);
    return std::isnan(off) ? std::numeric_limits<double>::infinity() : off;
  }

  float At(const Block& block, const Place& place) const {
    return values_[block.start +
                   (place.matrix * block.rows + place.row) * block.columns +
                   place.column];
  }

  std::string Name(const Block& block, const Place& place) const {
    return absl::StrCat(
        name_, " of sequence ", block.sequence, " at [",
        block.matrices > 1 ? absl::StrCat(place.matrix, ", ") : "", place.row,
        ", ", place.column, "]");
  }

  absl::Status CheckPadding(const Block& block) const {
    for (std::int64_t m = 0; m < block.matrices; ++m) {
      for (std::int64_t r = 0; r < block.rows; ++r) {
        const bool is_padding = r >= block.valid_rows;
        for (std::int64_t c = is_padding ? 0 : block.valid_columns;
             c < block.columns; ++c) {
          if (At(block, {m, r, c}) != 0) {
            return Wrong(Name(block, {m, r, c}), " is ", At(block, {m, r, c}),
                         ", it is padding and must be 0");
          }
        }
      }
    }
    return absl::OkStatus();
  }

  const absl::string_view name_;
  const Tensor& tensor_;
  std::vector<float> values_;
};

absl::Status CheckContexts(const AttendCall& call,
                           const ExpectedAnswer& expected, ElementType dtype,
                           const Tensor& contexts) {
  const bool packed = IsPacked(call);
  std::vector<std::int64_t> shape = call.queries.shape;
  // The width of `sdpa` is [num_heads, v_head_dim].
  shape.back() = std::string(kSdpaModelName) == call.model
                     ? expected.width / expected.num_heads
                     : expected.width;
  TensorCheck check("contexts", contexts);
  ATTENTION_RETURN_IF_ERROR(check.CheckForm(dtype, shape));
  Block block{.columns = expected.width, .valid_columns = expected.width};
  for (const ExpectedSequence& sequence : expected.sequences) {
    block.rows = packed ? sequence.q_len : shape[1];
    block.valid_rows = sequence.q_len;
    block.expected = &sequence.contexts;
    ATTENTION_RETURN_IF_ERROR(
        check.CheckBlock(block, ToleranceOf(call, dtype)));
    block.start += block.rows * block.columns;
    ++block.sequence;
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(const AttendCall& call,
                          const ExpectedAnswer& expected, ElementType dtype,
                          const std::optional<Tensor>& attn_weights) {
  if (attn_weights.has_value() != (call.attn_weights != ReturnWeights::kNone)) {
    return Wrong("attn_weights are ", attn_weights ? "there" : "absent",
                 ", they were ", attn_weights ? "not " : "", "asked for");
  }
  if (!attn_weights) {
    return absl::OkStatus();
  }
  const bool per_head = call.attn_weights == ReturnWeights::kPerHead;
  const std::int64_t heads = per_head ? expected.num_heads : 1;
  std::vector<std::int64_t> shape;
  if (IsPacked(call)) {
    shape = {0};
    for (const ExpectedSequence& sequence : expected.sequences) {
      shape[0] += heads * sequence.q_len * sequence.kv_len;
    }
  } else {
    const Tensor& keys = call.keys ? *call.keys : call.queries;
    shape = {call.queries.shape[0], call.queries.shape[1], keys.shape[1]};
    if (per_head) {
      shape.insert(shape.begin() + 1, heads);
    }
  }
  TensorCheck check("attn_weights", *attn_weights);
  ATTENTION_RETURN_IF_ERROR(check.CheckForm(dtype, shape));
  Block block{.matrices = heads};
  for (const ExpectedSequence& sequence : expected.sequences) {
    block.valid_rows = sequence.q_len;
    block.valid_columns = sequence.kv_len;
    block.rows = IsPacked(call) ? sequence.q_len : shape[shape.size() - 2];
    block.columns = IsPacked(call) ? sequence.kv_len : shape.back();
    block.expected = &sequence.attn_weights;
    ATTENTION_RETURN_IF_ERROR(
        check.CheckBlock(block, ToleranceOf(call, dtype)));
    block.start += heads * block.rows * block.columns;
    ++block.sequence;
  }
  return absl::OkStatus();
}

}  // namespace

class Verifier::Impl {
 public:
  absl::Status Load(const std::string& name, const std::string& path) {
    ATTENTION_ASSIGN_OR_RETURN(const auto loaded, LoadModels(name, path));
    for (const std::shared_ptr<const Model>& model : loaded) {
      if (!models_.emplace(model->name(), model).second) {
        return absl::InvalidArgumentError(absl::StrCat(
            path, ": the model ", model->name(), " is there already"));
      }
    }
    return absl::OkStatus();
  }

  // Null for `sdpa`.
  absl::StatusOr<const Model*> FindModel(const std::string& name) const {
    if (absl::string_view(name) == kSdpaModelName) {
      return nullptr;
    }
    const auto found = models_.find(name);
    if (found != models_.end()) {
      return found->second.get();
    }
    std::vector<std::string> names{std::string(kSdpaModelName)};
    for (const auto& [known, model] : models_) {
      names.push_back(known);
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "answers of model ", name, " cannot be judged without its weights, ",
        "known are those of ", absl::StrJoin(names, ", "),
        "; give --weights NAME=PATH, as the server has it in --model"));
  }

  // Computed at the first call; the oldest are forgotten for it.
  absl::StatusOr<const ExpectedAnswer*> ExpectedOf(
      const PreparedRequest& request) {
    const auto found = remembered_.find(&request);
    if (found != remembered_.end()) {
      if (found->second.queries == request.call.queries.owner) {
        return &found->second.answer;
      }
      Forget(found);
    }
    ATTENTION_ASSIGN_OR_RETURN(const Model* model,
                               FindModel(request.call.model));
    ATTENTION_ASSIGN_OR_RETURN(const AttentionSpec spec,
                               SpecOf(request.call, model));
    Remembered remembered{
        .answer = ComputeExpectedAnswer(request.call, model, spec),
        .queries = request.call.queries.owner,
        .number = next_number_++};
    bytes_ += remembered.answer.bytes;
    while (bytes_ > kMaxCacheBytes && !remembered_.empty()) {
      Forget(std::min_element(remembered_.begin(), remembered_.end(),
                              [](const auto& a, const auto& b) {
                                return a.second.number < b.second.number;
                              }));
    }
    return &remembered_.emplace(&request, std::move(remembered))
                .first->second.answer;
  }

 private:
  struct Remembered {
    ExpectedAnswer answer{};
    // Kept, so that no other request can have the same.
    std::shared_ptr<const void> queries{};
    std::int64_t number = 0;  // in the order in which they were computed
  };
  using Memory = std::map<const PreparedRequest*, Remembered>;

  void Forget(Memory::iterator place) {
    bytes_ -= place->second.answer.bytes;
    remembered_.erase(place);
  }

  std::map<std::string, std::shared_ptr<const Model>> models_;
  Memory remembered_;
  std::int64_t next_number_ = 0;
  std::int64_t bytes_ = 0;  // of all that is remembered
};

absl::StatusOr<Verifier> Verifier::Create(
    const std::map<std::string, std::string>& weights) {
  auto impl = std::make_unique<Impl>();
  for (const auto& [name, path] : weights) {
    ATTENTION_RETURN_IF_ERROR(impl->Load(name, path));
  }
  return Verifier(std::move(impl));
}

absl::Status Verifier::CanCheck(const PreparedRequest& request) const {
  ATTENTION_ASSIGN_OR_RETURN(const Model* model,
                             impl_->FindModel(request.call.model));
  return SpecOf(request.call, model).status();
}

absl::Status Verifier::Check(const PreparedRequest& request,
                             const AttendResult& result) {
  ATTENTION_ASSIGN_OR_RETURN(const ExpectedAnswer* expected,
                             impl_->ExpectedOf(request));
  const AttendCall& call = request.call;
  const ElementType dtype = call.output_dtype.value_or(call.queries.dtype);
  ATTENTION_RETURN_IF_ERROR(
      CheckContexts(call, *expected, dtype, result.contexts));
  return CheckWeights(call, *expected, dtype, result.attn_weights);
}

Verifier::Verifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;
Verifier::~Verifier() = default;

}  // namespace attention::load
