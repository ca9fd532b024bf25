// What differs between the protocols of a server: methods, messages, and which
// errors are refusals.
#ifndef CLIENT_LOAD_PROTOCOL_H_
#define CLIENT_LOAD_PROTOCOL_H_

#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"
#include "client/cpp/piece_writer.h"
#include "client/load/answer_header.h"
#include "client/load/step.h"

namespace attention::load {

// How a message reached the client: by a call of its own, or over a stream.
enum class Way : std::uint8_t { kUnary, kStream };

// Without state; thread-safe.
class Protocol {
 public:
  virtual ~Protocol() = default;

  // As --protocol takes it.
  virtual const char* name() const = 0;

  // "/package.Service/Method".
  virtual const char* Method(Way way) const = 0;

  // One message, in pieces that share the tensors of the call. InvalidArgument
  // when a tensor is none.
  virtual absl::StatusOr<std::vector<MessagePiece>> Serialize(
      const AttendCall& call) const = 0;

  // What gives a message this id when it follows it: of a field that is there
  // twice the last one counts.
  virtual std::string SerializeId(const std::string& id) const = 0;

  // Nothing when the bytes are no answer. They stay as they are.
  virtual std::optional<AnswerHeader> ReadHeader(grpc::ByteBuffer& bytes,
                                                 Way way) const = 0;

  // The tensors of an answer that is no error. Internal when it contradicts
  // itself.
  virtual absl::StatusOr<AttendResult> Parse(const grpc::ByteBuffer& bytes,
                                             Way way) const = 0;

  // How a request counts that ended with `code`, a google.rpc.Code or kNoCode,
  // and `message`.
  virtual Ending EndingOf(int code, const std::string& message) const = 0;
};

// "typed": attention.v1.AttentionService.
const Protocol& TypedProtocol();

// "oip": inference.GRPCInferenceService, the Open Inference Protocol.
// UNAVAILABLE and errors without a code, which are all that its streams have,
// are told apart by their text: refused where the queue or the memory is full,
// expired where `timeout` has passed, failed otherwise.
const Protocol& OpenInferenceProtocol();

// The names of all; null for any other name.
std::vector<std::string> ProtocolNames();
const Protocol* FindProtocol(const std::string& name);

}  // namespace attention::load

#endif  // CLIENT_LOAD_PROTOCOL_H_
