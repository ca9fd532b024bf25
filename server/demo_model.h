// The demo model inside the binary: MiniLM's six attention layers.
#ifndef SERVER_DEMO_MODEL_H_
#define SERVER_DEMO_MODEL_H_

#include <cstddef>
#include <span>

#include "absl/strings/string_view.h"

// Defined by demo_model.S, which includes the files of server/demo/minilm.
extern "C" {
extern const char attention_demo_config_begin[];
extern const char attention_demo_config_end[];
extern const std::byte attention_demo_weights_begin[];
extern const std::byte attention_demo_weights_end[];
}

namespace attention {

inline constexpr char kDemoModelName[] = "minilm";

inline absl::string_view DemoModelConfig() {
  return absl::string_view(
      attention_demo_config_begin,
      static_cast<std::size_t>(attention_demo_config_end -
                               attention_demo_config_begin));
}

inline std::span<const std::byte> DemoModelWeights() {
  return {attention_demo_weights_begin, attention_demo_weights_end};
}

}  // namespace attention

#endif  // SERVER_DEMO_MODEL_H_
