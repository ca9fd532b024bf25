// Sentences as embeddings of the demo model, all-MiniLM-L6-v2.
#ifndef CLIENT_CLI_DEMO_EMBEDDINGS_H_
#define CLIENT_CLI_DEMO_EMBEDDINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/word_piece.h"
#include "core/tensor/safetensors.h"

namespace attention {

// A sentence, ready for the first layer.
struct EmbeddedText {
  std::vector<std::string> tokens{};
  std::vector<float> embeddings{};  // [tokens, embed_dim]
};

// The tables that are inside this binary: the 6,000 most frequent pieces and
// 512 positions. Immutable after creation; thread-safe.
class DemoEmbeddings {
 public:
  static absl::StatusOr<DemoEmbeddings> Load();

  std::int64_t embed_dim() const { return embed_dim_; }

  // LayerNorm(word + position + type) of every token. InvalidArgument when
  // there are more tokens than positions.
  absl::StatusOr<EmbeddedText> Embed(absl::string_view text) const;

 private:
  DemoEmbeddings(WordPiece word_piece, Safetensors tables)
      : word_piece_(std::move(word_piece)), tables_(std::move(tables)) {}

  absl::Status LoadTables();

  WordPiece word_piece_;
  Safetensors tables_;
  std::int64_t embed_dim_ = 0;
  std::int64_t max_tokens_ = 0;
  double epsilon_ = 0;
  TensorView words_;                // [vocabulary, embed_dim], f16
  TensorView positions_;            // [max_tokens, embed_dim], f16
  std::vector<float> type_;         // [embed_dim]
  std::vector<float> norm_weight_;  // [embed_dim]
  std::vector<float> norm_bias_;    // [embed_dim]
};

}  // namespace attention

#endif  // CLIENT_CLI_DEMO_EMBEDDINGS_H_
