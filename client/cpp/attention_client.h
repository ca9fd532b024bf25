// The client of Attention Server: one object, `Client`.
//
//   auto client = attention::Client::Connect("127.0.0.1:8001");
//   if (!client.ok()) return client.status();
//   auto result = client->Attend(
//       {.model = "minilm/0",
//        .queries = attention::Tensor::View({1, 2, 384}, embeddings)});
//   if (!result.ok()) return result.status();
//   for (float value : result->contexts.f32()) Use(value);
//
// Installed as <attention/attention_client.h>; in CMake:
// find_package(attention_client), then link attention::client.
#ifndef CLIENT_CPP_ATTENTION_CLIENT_H_
#define CLIENT_CPP_ATTENTION_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace attention {

// Element types on the wire, little-endian.
enum class ElementType : std::uint8_t { kF32, kF16, kBF16, kBool };

// Bytes of one element; "f32", "f16", "bf16" or "bool".
std::size_t ElementSize(ElementType dtype);
absl::string_view ElementName(ElementType dtype);

// A dense, row-major tensor that somebody keeps in memory. Copying one copies
// no data, so a result can be the next call's input for nothing.
struct Tensor {
  ElementType dtype = ElementType::kF32;
  // Dimensions, outermost first.
  std::vector<std::int64_t> shape{};
  // product(shape) * ElementSize(dtype) bytes.
  std::span<const std::byte> bytes{};
  // Keeps `bytes` alive. Without an owner a call copies the bytes before it
  // returns; with one they are sent from where they are, and its deleter, which
  // may run on a thread of gRPC, has to keep to the rules of AttendDone.
  std::shared_ptr<const void> owner{};

  // Looks at values that live at least until Attend or AttendAsync returns.
  static Tensor View(std::vector<std::int64_t> shape,
                     std::span<const float> values);
  // Takes the values: nothing is copied on the way to the socket.
  static Tensor Own(std::vector<std::int64_t> shape, std::vector<float> values);
  static Tensor Own(ElementType dtype, std::vector<std::int64_t> shape,
                    std::string bytes);

  // The elements of a kF32 tensor, aligned for float; empty for other types.
  std::span<const float> f32() const;
};

// Which attention weights a call returns.
enum class ReturnWeights : std::uint8_t {
  kNone,         // contexts only, which is the fastest
  kHeadAverage,  // [batch, q_len, kv_len]
  kPerHead,      // [batch, num_heads, q_len, kv_len]
};

// One batch of sequences for one model. Fields have the shapes, units and
// defaults of AttendRequest in proto/attention/v1/attention.proto.
struct AttendCall {
  // "minilm/0" or the like, or "sdpa". Required.
  std::string model{};
  // Padded [batch, q_len, embed_dim], or packed [tokens, embed_dim]; `sdpa` has
  // [num_heads, head_dim] in place of embed_dim. Required.
  Tensor queries{};
  // Both or none; without them this is self-attention.
  std::optional<Tensor> keys{};
  std::optional<Tensor> values{};
  // Tokens of each sequence; packed: required, and they add up to tokens.
  std::vector<std::int64_t> q_lengths{};
  std::vector<std::int64_t> kv_lengths{};
  // Broadcastable to [batch, num_heads, q_len, kv_len]. kBool: true takes part.
  // Floating: added to the scores.
  std::optional<Tensor> attn_mask{};
  bool is_causal = false;
  std::optional<float> scale{};  // default 1 / sqrt(head_dim)
  ReturnWeights attn_weights = ReturnWeights::kNone;
  bool residual = false;                      // adds queries to contexts
  std::optional<ElementType> output_dtype{};  // default: that of queries
  // kF32 or kBF16. Default: the model's, which takes no other; `sdpa`: kF32.
  std::optional<ElementType> compute_dtype{};
  // Of what waits, 1 goes first and ServerInfo::priority_levels last. 0: the
  // server's default.
  std::uint32_t priority = 0;
  // Comes back in the result, and in the server's debug log if it fails.
  std::string id{};
  // Until the answer, retries included. Default: the client's.
  std::optional<std::chrono::milliseconds> timeout{};
};

struct AttendResult {
  std::string id{};
  // In the layout of queries.
  Tensor contexts{};
  // Absent unless asked for. Packed: one axis, sequence after sequence.
  std::optional<Tensor> attn_weights{};
  // Inside the server: waiting, and computing together with its batch.
  std::chrono::microseconds queue{0};
  std::chrono::microseconds compute{0};
  // What its batch held, itself included.
  std::int64_t batch_requests = 0;
  std::int64_t batch_tokens = 0;
};

// One attention layer. Width 0: the request decides (`sdpa`).
struct ModelInfo {
  std::string name{};
  std::int64_t embed_dim = 0;
  std::int64_t kdim = 0;
  std::int64_t vdim = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t v_head_dim = 0;
  std::optional<ElementType> dtype{};  // of the parameters, if there are any
  std::optional<ElementType> compute_dtype{};  // `sdpa`: the call's
  std::int64_t parameter_bytes = 0;
  std::int64_t max_tokens = 0;
  std::vector<std::string> masks{};  // "boolean", "float", "causal", "lengths"
};

struct ServerInfo {
  std::string version{};
  std::string cpu{};
  std::string isa{};
  int workers = 0;
  double cpu_quota = 0;                       // 0: none
  std::vector<ElementType> compute_dtypes{};  // what a call may have
  std::int64_t max_request_bytes = 0;
  std::int64_t max_response_bytes = 0;
  std::int64_t max_batch_tokens = 0;
  std::int64_t max_batch_requests = 0;
  std::int64_t max_queue_requests = 0;
  std::int64_t max_queue_tokens = 0;
  std::int64_t max_sequences = 0;
  std::int64_t max_id_bytes = 0;
  std::int64_t max_batch_bytes = 0;
  std::int64_t max_inflight_bytes = 0;
  std::int64_t max_heads = 0;
  std::int64_t max_head_dim = 0;
  std::int64_t max_stream_requests = 0;
  std::int64_t priority_levels = 0;  // 0: a server without priorities
};

struct ClientOptions {
  // Deadline of every call that has none of its own. At least 1 ms.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  // Attempts of a call that ends with Unavailable or ResourceExhausted, the
  // first included, with growing pauses. Range [1, 5], as gRPC has it.
  int max_attempts = 5;
};

// What AttendAsync calls, exactly once: on a thread of gRPC or, when a timeout
// or a tensor cannot be right, on the caller's before it returns. Must not
// block; must not destroy a Client, neither this nor another; may call one.
using AttendDone = absl::AnyInvocable<void(absl::StatusOr<AttendResult>) &&>;

// A connection to a server, or to several behind one name (round robin).
// Thread-safe; each client has a connection of its own.
// Errors carry the server's code and message. From the client itself:
//   InvalidArgument    a bad option, timeout or tensor, or too large a request
//   Unavailable        no server answers there
//   DeadlineExceeded   no answer in time
//   Cancelled          the client was destroyed meanwhile
class Client {
 public:
  // `target` is "host:port" or any other gRPC name. Does not wait: a server
  // that is not there is found by the first call.
  static absl::StatusOr<Client> Connect(const std::string& target,
                                        const ClientOptions& options = {});

  // Cancels the calls in flight and waits for their callbacks.
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  absl::StatusOr<AttendResult> Attend(const AttendCall& call);
  void AttendAsync(const AttendCall& call, AttendDone done);

  absl::StatusOr<std::vector<ModelInfo>> ListModels();
  absl::StatusOr<ModelInfo> GetModel(const std::string& name);
  absl::StatusOr<ServerInfo> GetServerInfo();

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // CLIENT_CPP_ATTENTION_CLIENT_H_
