// Models whose weights are all zero, for tests that do not compute with them.
#ifndef TESTS_SUPPORT_ZERO_MODEL_H_
#define TESTS_SUPPORT_ZERO_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "core/attention/attention_spec.h"
#include "core/model/model.h"

namespace attention {

struct ZeroModelShape {
  AttentionSpec spec{};
  std::int64_t embed_dim = 1;
  std::int64_t kdim = 1;
  std::int64_t vdim = 1;
};

// No biases. REQUIRES: a shape that Model::Create takes.
std::shared_ptr<const Model> MakeZeroModel(const std::string& name,
                                           const ZeroModelShape& shape = {});

}  // namespace attention

#endif  // TESTS_SUPPORT_ZERO_MODEL_H_
