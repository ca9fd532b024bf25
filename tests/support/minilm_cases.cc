// Attention of real sentences in the layers of a BERT model.
#include "tests/support/minilm_cases.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

// The hidden state and the results are stored as f32: 6e-8 each, and more where
// the layer cancels.
constexpr double kStoredError = 3e-7;

// As for torch.nn.MultiheadAttention: three times what PyTorch is off in f32.
constexpr double kTolerance = 2e-6;
constexpr absl::string_view kHidden = ".hidden";

absl::StatusOr<std::int64_t> ReadNumHeads(const std::string& directory) {
  const std::string path = directory + "/config.json";
  std::ifstream stream(path);
  const auto config = nlohmann::json::parse(stream, nullptr, false);
  const auto found = config.find("num_attention_heads");
  if (found == config.end()) {
    return absl::NotFoundError(path + ": num_attention_heads");
  }
  return found->get<std::int64_t>();
}

absl::StatusOr<LinearWeights> ReadLinear(const Safetensors& model,
                                         const std::string& layer,
                                         const char* name) {
  const std::string prefix =
      absl::StrCat("encoder.layer.", layer, ".attention.", name);
  LinearWeights linear;
  ATTENTION_ASSIGN_OR_RETURN(linear.weight, model.Get(prefix + ".weight"));
  ATTENTION_ASSIGN_OR_RETURN(linear.bias, model.Get(prefix + ".bias"));
  return linear;
}

absl::StatusOr<ProjectionWeights> ReadWeights(
    std::shared_ptr<const Safetensors> model, const std::string& layer) {
  ProjectionWeights weights;
  ATTENTION_ASSIGN_OR_RETURN(weights.q_proj,
                             ReadLinear(*model, layer, "self.query"));
  ATTENTION_ASSIGN_OR_RETURN(weights.k_proj,
                             ReadLinear(*model, layer, "self.key"));
  ATTENTION_ASSIGN_OR_RETURN(weights.v_proj,
                             ReadLinear(*model, layer, "self.value"));
  ATTENTION_ASSIGN_OR_RETURN(weights.out_proj,
                             ReadLinear(*model, layer, "output.dense"));
  weights.storage = std::move(model);
  return weights;
}

absl::StatusOr<std::vector<double>> ReadDoubles(const Safetensors& file,
                                                const std::string& name) {
  ATTENTION_ASSIGN_OR_RETURN(const TensorView view, file.Get(name));
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t count,
                             view.shape.ElementCount());
  return ToDoubles(view.data, view.dtype, count);
}

// `prefix` is SENTENCE.layerN; `layer` is what all sentences share.
absl::StatusOr<ConformanceCase> ReadSentence(const Safetensors& file,
                                             const std::string& prefix,
                                             const ConformanceCase& layer) {
  ConformanceCase a_case = layer;
  a_case.name = prefix;
  ATTENTION_ASSIGN_OR_RETURN(TensorView hidden,
                             file.Get(absl::StrCat(prefix, kHidden)));
  hidden.shape = Shape{1, hidden.shape[0], hidden.shape[1]};
  a_case.queries = CopyTensor(hidden);
  ATTENTION_ASSIGN_OR_RETURN(a_case.contexts,
                             ReadDoubles(file, prefix + ".context"));
  ATTENTION_ASSIGN_OR_RETURN(a_case.attn_weights,
                             ReadDoubles(file, prefix + ".weights"));
  a_case.attn_weights_kind = AttnWeights::kPerHead;
  return a_case;
}

// Appends `rows` rows of `width` elements, filled up with zeros to `all_rows`.
template <typename T>
void AppendPadded(const T* from, std::int64_t rows, std::int64_t width,
                  std::int64_t all_rows, std::vector<T>& to) {
  to.insert(to.end(), from, from + rows * width);
  to.resize(to.size() + (all_rows - rows) * width);
}

// All sentences of one layer in one padded batch.
ConformanceCase JoinSentences(const std::vector<ConformanceCase>& sentences,
                              const std::string& layer) {
  ConformanceCase batch = sentences.front();
  batch.name = absl::StrCat("all sentences, layer", layer);
  std::int64_t longest = 0;
  for (const ConformanceCase& sentence : sentences) {
    batch.q_lengths.push_back(sentence.q_len());
    longest = std::max(longest, sentence.q_len());
  }
  const std::int64_t width = batch.queries.shape[2];
  batch.queries.shape =
      Shape{static_cast<std::int64_t>(sentences.size()), longest, width};
  batch.queries.data.clear();
  batch.contexts.clear();
  batch.attn_weights.clear();
  for (const ConformanceCase& sentence : sentences) {
    const std::int64_t rows = sentence.q_len();
    AppendPadded(
        sentence.queries.data.data(), rows,
        width * static_cast<std::int64_t>(DTypeSize(sentence.queries.dtype)),
        longest, batch.queries.data);
    AppendPadded(sentence.contexts.data(), rows, width, longest,
                 batch.contexts);
    for (std::int64_t head = 0; head < batch.spec.num_heads; ++head) {
      const double* matrix = sentence.attn_weights.data() + head * rows * rows;
      for (std::int64_t q = 0; q < rows; ++q) {
        AppendPadded(matrix + q * rows, 1, rows, 1, batch.attn_weights);
        batch.attn_weights.resize(batch.attn_weights.size() + longest - rows);
      }
      batch.attn_weights.resize(batch.attn_weights.size() +
                                (longest - rows) * longest);
    }
  }
  return batch;
}

}  // namespace

absl::StatusOr<std::vector<ConformanceCase>> MinilmCases(
    const Safetensors& file, const std::string& model_directory) {
  ATTENTION_ASSIGN_OR_RETURN(
      Safetensors opened,
      Safetensors::Open(model_directory + "/model.safetensors"));
  const auto model = std::make_shared<const Safetensors>(std::move(opened));
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t num_heads,
                             ReadNumHeads(model_directory));

  std::map<std::string, std::vector<ConformanceCase>> layers;
  for (const auto& [name, tensor] : file.tensors()) {
    if (!absl::EndsWith(name, kHidden)) continue;
    const std::string prefix = name.substr(0, name.size() - kHidden.size());
    const std::string layer = prefix.substr(prefix.rfind(".layer") + 6);
    ConformanceCase shared{.model_path = model_directory,
                           .model_name = "minilm-samples/" + layer};
    ATTENTION_ASSIGN_OR_RETURN(shared.weights, ReadWeights(model, layer));
    const std::int64_t head_dim = shared.weights->embed_dim() / num_heads;
    shared.spec = {num_heads, num_heads, head_dim, head_dim};
    shared.stored_error = kStoredError;
    shared.tolerance = kTolerance;
    shared.peer_error = "1e-7 to 7e-7";
    ATTENTION_ASSIGN_OR_RETURN(ConformanceCase a_case,
                               ReadSentence(file, prefix, shared));
    layers[layer].push_back(std::move(a_case));
  }

  std::vector<ConformanceCase> cases;
  for (auto& [layer, sentences] : layers) {
    if (sentences.size() > 1) cases.push_back(JoinSentences(sentences, layer));
    std::move(sentences.begin(), sentences.end(), std::back_inserter(cases));
  }
  return cases;
}

}  // namespace attention
