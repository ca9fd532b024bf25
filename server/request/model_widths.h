// What conversion has to know of a model.
#ifndef SERVER_REQUEST_MODEL_WIDTHS_H_
#define SERVER_REQUEST_MODEL_WIDTHS_H_

#include <cstdint>
#include <string>

#include "core/attention/attention_spec.h"

namespace attention {

// Name and widths of a model, without its weights.
struct ModelWidths {
  std::string name{};
  // `sdpa`: the request decides the spec and the widths; of those here only
  // compute_dtype counts, as its default.
  bool is_sdpa = false;
  AttentionSpec spec{};
  std::int64_t embed_dim = 0;
  std::int64_t kdim = 0;
  std::int64_t vdim = 0;
};

}  // namespace attention

#endif  // SERVER_REQUEST_MODEL_WIDTHS_H_
