// Sentences as embeddings of the demo model, all-MiniLM-L6-v2.
#include "client/cli/demo_embeddings.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tensor/convert_dtype.h"

extern "C" {
extern const char attention_demo_vocabulary[];
extern const char attention_demo_vocabulary_end[];
extern const char attention_demo_embeddings[];
extern const char attention_demo_embeddings_end[];
}

namespace attention {
namespace {

std::vector<float> Row(const TensorView& table, std::int64_t row) {
  const std::int64_t width = table.shape[table.shape.rank() - 1];
  std::vector<float> values(width);
  ConvertToF32(table.data + row * width * DTypeSize(table.dtype), table.dtype,
               width, values.data());
  return values;
}

// Normalizes `row` in place, computing in double.
void LayerNorm(std::span<const float> weight, std::span<const float> bias,
               double epsilon, std::vector<double>& row) {
  const auto width = static_cast<double>(row.size());
  const double mean = std::accumulate(row.begin(), row.end(), 0.0) / width;
  double variance = 0;
  for (const double value : row) {
    variance += (value - mean) * (value - mean) / width;
  }
  const double inverse = 1 / std::sqrt(variance + epsilon);
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = (row[i] - mean) * inverse * weight[i] + bias[i];
  }
}

}  // namespace

absl::StatusOr<DemoEmbeddings> DemoEmbeddings::Load() {
  ATTENTION_ASSIGN_OR_RETURN(
      WordPiece word_piece,
      WordPiece::Create(absl::string_view(
          attention_demo_vocabulary,
          attention_demo_vocabulary_end - attention_demo_vocabulary)));
  ATTENTION_ASSIGN_OR_RETURN(
      Safetensors tables,
      Safetensors::Parse(std::as_bytes(std::span(
          attention_demo_embeddings, attention_demo_embeddings_end))));
  DemoEmbeddings result(std::move(word_piece), std::move(tables));
  ATTENTION_RETURN_IF_ERROR(result.LoadTables());
  return result;
}

absl::Status DemoEmbeddings::LoadTables() {
  ATTENTION_ASSIGN_OR_RETURN(words_, tables_.Get("word_embeddings"));
  ATTENTION_ASSIGN_OR_RETURN(positions_, tables_.Get("position_embeddings"));
  ATTENTION_ASSIGN_OR_RETURN(const TensorView types,
                             tables_.Get("token_type_embeddings"));
  ATTENTION_ASSIGN_OR_RETURN(const TensorView weight,
                             tables_.Get("layer_norm.weight"));
  ATTENTION_ASSIGN_OR_RETURN(const TensorView bias,
                             tables_.Get("layer_norm.bias"));
  const auto epsilon = tables_.metadata().find("layer_norm_eps");
  if (epsilon == tables_.metadata().end() ||
      !absl::SimpleAtod(epsilon->second, &epsilon_)) {
    return absl::InternalError("the demo embeddings lack layer_norm_eps");
  }
  embed_dim_ = words_.shape[1];
  max_tokens_ = positions_.shape[0];
  type_ = Row(types, 0);
  norm_weight_ = Row(weight, 0);
  norm_bias_ = Row(bias, 0);
  return absl::OkStatus();
}

absl::StatusOr<EmbeddedText> DemoEmbeddings::Embed(
    absl::string_view text) const {
  const std::vector<Token> tokens = word_piece_.Tokenize(text);
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count > max_tokens_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the text has ", count, " tokens, the demo model has ", max_tokens_,
        " positions; shorten it or split it into several --text"));
  }
  EmbeddedText result;
  result.embeddings.reserve(count * embed_dim_);
  for (std::int64_t t = 0; t < count; ++t) {
    const std::vector<float> word = Row(words_, tokens[t].id);
    const std::vector<float> position = Row(positions_, t);
    std::vector<double> row(embed_dim_);
    for (std::int64_t i = 0; i < embed_dim_; ++i) {
      row[i] = double{word[i]} + position[i] + type_[i];
    }
    LayerNorm(norm_weight_, norm_bias_, epsilon_, row);
    result.embeddings.insert(result.embeddings.end(), row.begin(), row.end());
    result.tokens.push_back(tokens[t].piece);
  }
  return result;
}

}  // namespace attention
