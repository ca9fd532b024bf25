// What a server is started with.
#ifndef SERVER_BASE_OPTIONS_H_
#define SERVER_BASE_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/engine/engine_options.h"
#include "core/tensor/dtype.h"

namespace attention {

// Bytes of AttendRequest.id, which comes back in every answer.
inline constexpr std::int64_t kMaxIdBytes = 256;

// A model to load: every layer found at `path` is served under `name`.
struct ModelSource {
  std::string name{};
  std::string path{};
  // Its own; without one it computes in that of the ServerOptions.
  std::optional<DType> compute_dtype{};
};

// "NAME=PATH" or "NAME=PATH,compute_dtype=TYPE"; no other comma ends a path.
// InvalidArgument when name or path is missing or the type is not f32 or bf16.
absl::StatusOr<ModelSource> ParseModelSource(absl::string_view text);

// Plain values; flags.cc fills them, Validate judges them, then they are const.
struct ServerOptions {
  // -- What is served ------------------------------------------------------

  // Each as ParseModelSource reads it, see core/model/model_loader.h for what a
  // path may be.
  std::vector<std::string> models{};
  // Serves the MiniLM layers inside the binary as minilm/0 to minilm/5.
  bool demo_model = false;
  // "f32" or "bf16": what models compute in that have no compute_dtype of their
  // own, the demo model among them. Requests for `sdpa` say it themselves.
  std::string compute_dtype = "f32";

  // -- Where ---------------------------------------------------------------

  // Address of all ports. All interfaces, because a container is reached from
  // outside; 127.0.0.1 keeps the server to its machine.
  std::string host = "0.0.0.0";
  // 0 takes any free port. Range [0, 65535].
  int grpc_port = 8001;
  // The Open Inference Protocol over HTTP; 0 takes any free port, -1 serves
  // none. Range [-1, 65535].
  int http_port = 8000;
  // Prometheus metrics over HTTP; 0 takes any free port, -1 serves none.
  // Range [-1, 65535].
  int metrics_port = 8002;
  // A file that is written once all ports are bound, with the lines
  // `grpc_port=N`, `http_port=N` and `metrics_port=N`. Empty: none.
  std::string port_file{};

  // -- Who -----------------------------------------------------------------

  // Each is "local", clients that reach the server without leaving the machine;
  // "any"; or "off", nobody. See server/base/client_rule.h.

  // Whose shared memory is mapped when they ask. Whoever may register reads
  // every object that the server's user may read.
  std::string shared_memory = "local";
  // Who may load and unload models and change what is logged.
  std::string model_control = "local";

  // -- Performance, never results ------------------------------------------

  EngineOptions engine{};
  // "any", "avx2" or "avx512": the widest vectors that the kernel may use.
  std::string max_isa = "any";

  // -- Limits --------------------------------------------------------------

  // Bytes of one request message. Range [1024, 2^31 - 1].
  std::int64_t max_request_bytes = std::int64_t{256} << 20;
  // Bytes of one response message. Range [4096, 2^31 - 1].
  std::int64_t max_response_bytes = std::int64_t{256} << 20;
  // Sequences of one request. Range [1, 65536].
  std::int64_t max_sequences = 4096;
  // Bytes that requests under way and answers that are not sent hold together;
  // one more is refused. Range [1 MiB, 1 TiB], and at least max_request_bytes +
  // max_response_bytes.
  std::int64_t max_inflight_bytes = std::int64_t{4} << 30;

  // -- Operation -----------------------------------------------------------

  // How long accepted requests may take to finish once the server was told to
  // stop. Range [0, 3600].
  double drain_seconds = 30;
  // How long the server goes on serving after it says NOT_SERVING, so that load
  // balancers notice. Range [0, 3600].
  double drain_delay_seconds = 0;
  // "debug", "info", "warning" or "error".
  std::string log_level = "info";
  // "text" or "json", one line an event.
  std::string log_format = "text";

  // InvalidArgument with one line for each value out of its range: its flag,
  // the value and what is allowed.
  absl::Status Validate() const;
};

}  // namespace attention

#endif  // SERVER_BASE_OPTIONS_H_
