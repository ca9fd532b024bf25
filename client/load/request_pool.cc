// The requests of a workload, made and serialized before the run.
#include "client/load/request_pool.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/demo_embeddings.h"
#include "client/cli/tensor_convert.h"
#include "client/load/draws.h"
#include "client/load/invalid_argument.h"
#include "client/load/length_draw.h"
#include "core/base/status_macros.h"
#include "core/model/model_registry.h"

namespace attention::load {
namespace {

// What gRPC and protobuf take as one message.
constexpr std::int64_t kMaxMessageBytes =
    std::numeric_limits<std::int32_t>::max();
// No row is wider: with it, sizes stay far from overflow.
constexpr std::int64_t kMaxRowWidth = std::int64_t{1} << 22;
constexpr std::size_t kMaxNames = 10;

// A mix with all that is needed to make its requests.
struct Recipe {
  const RequestMix* mix = nullptr;
  std::string path{};  // "mixes[0]"
  std::int64_t max_tokens = 0;
  std::optional<ElementType> compute_dtype{};
  // The axes of a token: [embed_dim], or [num_heads, head_dim].
  std::vector<std::int64_t> query_axes{};
  // Empty for self-attention.
  std::vector<std::int64_t> key_axes{};
  std::vector<std::int64_t> value_axes{};
  LengthDraw lengths;
};

// Elements of a row; 1 for no axes.
std::int64_t Width(const std::vector<std::int64_t>& axes) {
  return std::accumulate(axes.begin(), axes.end(), std::int64_t{1},
                         std::multiplies<>());
}

absl::StatusOr<const ModelInfo*> FindModel(
    const Recipe& recipe, const std::vector<ModelInfo>& models) {
  std::vector<absl::string_view> names;
  for (const ModelInfo& model : models) {
    if (model.name == recipe.mix->model) {
      return &model;
    }
    names.emplace_back(model.name);
  }
  const std::size_t others = names.size() - std::min(names.size(), kMaxNames);
  names.resize(names.size() - others);
  return Invalid(recipe.path, ".model is \"", recipe.mix->model,
                 "\", the server has ",
                 names.empty() ? "none" : absl::StrJoin(names, ", "),
                 others > 0 ? absl::StrCat(" and ", others, " more") : "");
}

absl::Status CheckMask(const Recipe& recipe, const ModelInfo& model) {
  constexpr absl::string_view kNames[] = {"", "causal", "boolean", "float"};
  const absl::string_view name = kNames[static_cast<int>(recipe.mix->mask)];
  const std::vector<std::string>& masks = model.masks;
  if (name.empty() ||
      std::find(masks.begin(), masks.end(), std::string(name)) != masks.end()) {
    return absl::OkStatus();
  }
  return Invalid(recipe.path, ".mask is ", name, ", model ", model.name,
                 " takes ",
                 masks.empty() ? "none" : absl::StrJoin(masks, ", "));
}

absl::Status SetComputeDtype(const ModelInfo& model, Recipe& recipe) {
  const std::optional<ElementType> wanted = recipe.mix->compute_dtype;
  recipe.compute_dtype = wanted;
  if (!model.compute_dtype) {
    return absl::OkStatus();
  }
  if (wanted && *wanted != *model.compute_dtype) {
    return Invalid(recipe.path, ".compute_dtype is ", ElementName(*wanted),
                   ", model ", model.name, " computes in ",
                   ElementName(*model.compute_dtype), "; leave it out");
  }
  // Said aloud where it is not the default, so that whoever judges the answer
  // knows how exact it can be.
  if (*model.compute_dtype != ElementType::kF32) {
    recipe.compute_dtype = model.compute_dtype;
  }
  return absl::OkStatus();
}

absl::Status SetAxes(const ModelInfo& model, const DemoEmbeddings* demo,
                     Recipe& recipe) {
  const RequestMix& mix = *recipe.mix;
  if (absl::string_view(model.name) == kSdpaModelName) {
    recipe.query_axes = {mix.num_heads, mix.head_dim};
    recipe.key_axes = {mix.num_kv_heads, mix.head_dim};
    recipe.value_axes = recipe.key_axes;
    return absl::OkStatus();
  }
  for (const std::int64_t width : {model.embed_dim, model.kdim, model.vdim}) {
    if (width < 1 || width > kMaxRowWidth) {
      return Invalid(recipe.path, ": the server says that ", model.name, " is ",
                     width, " wide, this client takes 1 to ", kMaxRowWidth);
    }
  }
  recipe.query_axes = {model.embed_dim};
  const bool is_square =
      model.kdim == model.embed_dim && model.vdim == model.embed_dim;
  if (!is_square) {
    recipe.key_axes = {model.kdim};
    recipe.value_axes = {model.vdim};
  }
  if (!mix.sentences.empty() &&
      (!is_square || model.embed_dim != demo->embed_dim())) {
    return Invalid(recipe.path, ".sentences: embeddings are ",
                   demo->embed_dim(), " wide, queries, keys and values of ",
                   model.name, " are ", model.embed_dim, ", ", model.kdim,
                   " and ", model.vdim,
                   "; take the demo model, or lengths instead of sentences");
  }
  return absl::OkStatus();
}

absl::StatusOr<Recipe> MakeRecipe(const Workload& workload, std::size_t index,
                                  const std::vector<ModelInfo>& models,
                                  const DemoEmbeddings* demo) {
  const RequestMix& mix = workload.mixes[index];
  Recipe recipe{.mix = &mix,
                .path = absl::StrCat("mixes[", index, "]"),
                .lengths = LengthDraw(mix.lengths)};
  ATTENTION_ASSIGN_OR_RETURN(const ModelInfo* model, FindModel(recipe, models));
  recipe.max_tokens = model->max_tokens;
  ATTENTION_RETURN_IF_ERROR(CheckMask(recipe, *model));
  ATTENTION_RETURN_IF_ERROR(SetComputeDtype(*model, recipe));
  ATTENTION_RETURN_IF_ERROR(SetAxes(*model, demo, recipe));
  return recipe;
}

// Makes requests of a recipe, one after another.
class RequestMaker {
 public:
  RequestMaker(Draws& draws, const DemoEmbeddings* demo, std::int64_t max_bytes,
               const Protocol& protocol)
      : draws_(draws),
        demo_(demo),
        max_bytes_(max_bytes),
        protocol_(protocol) {}

  absl::StatusOr<PreparedRequest> Make(const Recipe& recipe) {
    const RequestMix& mix = *recipe.mix;
    ATTENTION_RETURN_IF_ERROR(DrawSequences(recipe));
    ATTENTION_RETURN_IF_ERROR(CheckSize(recipe));
    PreparedRequest request{.deadline = mix.deadline};
    request.tokens =
        std::accumulate(lengths_.begin(), lengths_.end(), std::int64_t{0});
    AttendCall& call = request.call;
    call.model = mix.model;
    call.q_lengths = lengths_;
    call.queries = MakeRows(mix, recipe.query_axes);
    if (!recipe.key_axes.empty()) {
      call.keys = MakeRows(mix, recipe.key_axes);
      call.values = MakeRows(mix, recipe.value_axes);
      call.kv_lengths = lengths_;
    }
    call.is_causal = mix.mask == MaskKind::kCausal;
    if (mix.mask == MaskKind::kBoolean || mix.mask == MaskKind::kFloat) {
      call.attn_mask = MakeMask(mix);
    }
    call.attn_weights = mix.attn_weights;
    call.output_dtype = mix.output_dtype;
    call.compute_dtype = recipe.compute_dtype;
    call.priority = mix.priority;
    call.timeout = mix.deadline;
    ATTENTION_ASSIGN_OR_RETURN(request.message, protocol_.Serialize(call));
    for (const MessagePiece& piece : request.message) {
      request.message_bytes += static_cast<std::int64_t>(piece.bytes.size());
    }
    return request;
  }

 private:
  std::int64_t Longest() const {
    return *std::max_element(lengths_.begin(), lengths_.end());
  }

  absl::Status DrawSequences(const Recipe& recipe) {
    const RequestMix& mix = *recipe.mix;
    lengths_.clear();
    embedded_.clear();
    for (std::int64_t b = 0; b < mix.batch; ++b) {
      if (mix.sentences.empty()) {
        lengths_.push_back(recipe.lengths.Next(draws_));
        continue;
      }
      auto embedded =
          demo_->Embed(mix.sentences[draws_.Below(mix.sentences.size())]);
      if (!embedded.ok()) {
        return Invalid(recipe.path,
                       ".sentences: ", embedded.status().message());
      }
      lengths_.push_back(static_cast<std::int64_t>(embedded->tokens.size()));
      embedded_.push_back(std::move(embedded->embeddings));
    }
    return absl::OkStatus();
  }

  // Before anything is allocated for them.
  absl::Status CheckSize(const Recipe& recipe) {
    const RequestMix& mix = *recipe.mix;
    const std::int64_t tokens =
        std::accumulate(lengths_.begin(), lengths_.end(), std::int64_t{0});
    if (tokens > recipe.max_tokens) {
      return Invalid(recipe.path, " gives a request of ", tokens, " tokens, ",
                     mix.model, " takes at most ", recipe.max_tokens,
                     "; lower batch or the lengths");
    }
    std::int64_t row = Width(recipe.query_axes);
    if (!recipe.key_axes.empty()) {
      row += Width(recipe.key_axes) + Width(recipe.value_axes);
    }
    const std::int64_t rows = mix.packed ? tokens : mix.batch * Longest();
    const auto size = static_cast<std::int64_t>(ElementSize(mix.dtype));
    // Less than 2^16 * 2^20 * 2^24 * 2^2.
    std::int64_t bytes = rows * row * size;
    if (mix.mask == MaskKind::kBoolean || mix.mask == MaskKind::kFloat) {
      bytes += mix.batch * Longest() * Longest() * MaskElementSize(mix);
    }
    pool_bytes_ += bytes;
    if (bytes > kMaxMessageBytes) {
      return Invalid(recipe.path, " gives a request of ", bytes,
                     " bytes, a message holds ", kMaxMessageBytes,
                     "; lower batch or the lengths");
    }
    if (pool_bytes_ > max_bytes_) {
      return Invalid("the requests take more than ", max_bytes_,
                     " bytes; lower distinct, batch or the lengths");
    }
    return absl::OkStatus();
  }

  static std::int64_t MaskElementSize(const RequestMix& mix) {
    return mix.mask == MaskKind::kBoolean
               ? 1
               : static_cast<std::int64_t>(ElementSize(mix.dtype));
  }

  // [batch, longest, axes...], padding zero, or [tokens, axes...].
  Tensor MakeRows(const RequestMix& mix,
                  const std::vector<std::int64_t>& axes) {
    const std::int64_t width = Width(axes);
    const std::int64_t longest = Longest();
    const std::int64_t tokens =
        std::accumulate(lengths_.begin(), lengths_.end(), std::int64_t{0});
    std::vector<std::int64_t> shape = axes;
    shape.insert(shape.begin(), mix.packed ? tokens : longest);
    if (!mix.packed) {
      shape.insert(shape.begin(), mix.batch);
    }
    std::vector<float> values(Width(shape));
    auto row = values.begin();
    for (std::size_t b = 0; b < lengths_.size(); ++b) {
      if (embedded_.empty()) {
        std::generate_n(row, lengths_[b] * width,
                        [this] { return draws_.Value(); });
      } else {
        std::copy(embedded_[b].begin(), embedded_[b].end(), row);
      }
      row += (mix.packed ? lengths_[b] : longest) * width;
    }
    return ConvertTensor(Tensor::Own(std::move(shape), std::move(values)),
                         mix.dtype);
  }

  // [batch, 1, longest, longest]. Boolean: about three of four keys take part,
  // and key i of query i always does, so that no row is empty.
  Tensor MakeMask(const RequestMix& mix) {
    const std::int64_t longest = Longest();
    std::vector<std::int64_t> shape{mix.batch, 1, longest, longest};
    const std::int64_t count = Width(shape);
    if (mix.mask == MaskKind::kFloat) {
      std::vector<float> values(count);
      std::generate(values.begin(), values.end(),
                    [this] { return draws_.Value(); });
      return ConvertTensor(Tensor::Own(std::move(shape), std::move(values)),
                           mix.dtype);
    }
    std::string bytes(count, '\0');
    for (std::int64_t i = 0; i < count; ++i) {
      const bool is_own_key = i % longest == i / longest % longest;
      bytes[i] = (draws_.Bits() & 3) != 0 || is_own_key ? '\1' : '\0';
    }
    return Tensor::Own(ElementType::kBool, std::move(shape), std::move(bytes));
  }

  Draws& draws_;
  const DemoEmbeddings* const demo_;
  const std::int64_t max_bytes_;
  const Protocol& protocol_;
  std::int64_t pool_bytes_ = 0;
  // Of the request that is being made; embedded_ is empty without sentences.
  std::vector<std::int64_t> lengths_;
  std::vector<std::vector<float>> embedded_;
};

absl::Status CheckDistinct(const Workload& workload) {
  const std::size_t count = workload.mixes.size();
  if (workload.distinct >= static_cast<int>(count)) {
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  names.reserve(kMaxNames);
  for (std::size_t i = 0; i < std::min(count, kMaxNames); ++i) {
    names.push_back(
        absl::StrCat("mixes[", i, "] (", workload.mixes[i].model, ")"));
  }
  return Invalid(
      "distinct is ", workload.distinct, ", must be at least ", count,
      ", one request for each of ", absl::StrJoin(names, ", "),
      count > kMaxNames ? absl::StrCat(" and ", count - kMaxNames, " more")
                        : "");
}

// Says which recipe is next: each as often as its weight says, in random order.
class RecipeDeck {
 public:
  // By largest remainder, but at least one each: what is rare is sent, too.
  // REQUIRES: distinct is no less than the number of recipes.
  RecipeDeck(const std::vector<Recipe>& recipes, int distinct)
      : recipes_(recipes), total_(distinct) {
    double weights = 0;
    for (const Recipe& recipe : recipes) {
      weights += recipe.mix->weight;
    }
    std::vector<double> shares;
    std::int64_t sum = 0;
    for (const Recipe& recipe : recipes) {
      shares.push_back(recipe.mix->weight * distinct / weights);
      left_.push_back(
          std::max<std::int64_t>(1, static_cast<std::int64_t>(shares.back())));
      sum += left_.back();
    }
    for (; sum < total_; ++sum) {
      ++left_[FurthestOff(shares, 1)];
    }
    for (; sum > total_; --sum) {
      --left_[FurthestOff(shares, -1)];
    }
  }

  // REQUIRES: fewer than `distinct` have been drawn.
  const Recipe& Draw(Draws& draws) {
    auto place = static_cast<std::int64_t>(
        draws.Below(static_cast<std::uint64_t>(total_--)));
    std::size_t recipe = 0;
    while (place >= left_[recipe]) {
      place -= left_[recipe++];
    }
    --left_[recipe];
    return recipes_[recipe];
  }

 private:
  // The recipe that lacks most (`sign` 1), or that has most to give (-1).
  std::size_t FurthestOff(const std::vector<double>& shares, int sign) const {
    std::size_t furthest = 0;
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const double off = sign * (shares[i] - static_cast<double>(left_[i]));
      if (off > most && (sign > 0 || left_[i] > 1)) {
        furthest = i;
        most = off;
      }
    }
    return furthest;
  }

  const std::vector<Recipe>& recipes_;
  std::int64_t total_;
  std::vector<std::int64_t> left_;  // of each recipe; total_ in all
};

}  // namespace

absl::StatusOr<std::vector<PreparedRequest>> PrepareRequests(
    const Workload& workload, const std::vector<ModelInfo>& models,
    std::int64_t max_bytes, const Protocol& protocol) {
  std::unique_ptr<const DemoEmbeddings> demo;
  for (const RequestMix& mix : workload.mixes) {
    if (!mix.sentences.empty() && demo == nullptr) {
      ATTENTION_ASSIGN_OR_RETURN(DemoEmbeddings loaded, DemoEmbeddings::Load());
      demo = std::make_unique<const DemoEmbeddings>(std::move(loaded));
    }
  }
  std::vector<Recipe> recipes;
  for (std::size_t i = 0; i < workload.mixes.size(); ++i) {
    ATTENTION_ASSIGN_OR_RETURN(Recipe recipe,
                               MakeRecipe(workload, i, models, demo.get()));
    recipes.push_back(std::move(recipe));
  }
  ATTENTION_RETURN_IF_ERROR(CheckDistinct(workload));
  Draws draws(workload.seed);
  RecipeDeck deck(recipes, workload.distinct);
  RequestMaker maker(draws, demo.get(), max_bytes, protocol);
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < workload.distinct; ++i) {
    ATTENTION_ASSIGN_OR_RETURN(PreparedRequest request,
                               maker.Make(deck.Draw(draws)));
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace attention::load
