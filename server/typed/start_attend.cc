#include "server/typed/start_attend.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "attention/v1/attention.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/typed/read_inputs.h"

namespace attention {

void StartAttendMessage(const ServiceContext& context, grpc::ByteBuffer* bytes,
                        const RpcTerms& terms, AttendDone done) {
  const auto message_bytes = static_cast<std::int64_t>(bytes->Length());
  const auto request = std::make_shared<v1::AttendRequest>();
  const grpc::Status parsed =
      grpc::SerializationTraits<v1::AttendRequest>::Deserialize(bytes,
                                                                request.get());
  if (!parsed.ok()) {
    // What a broken message left behind is nobody's id or model.
    RefuseAttend(context, "", "",
                 absl::InvalidArgumentError(
                     "request: not an attention.v1.AttendRequest, its bytes "
                     "do not parse"),
                 std::move(done));
    return;
  }
  // In memory they may take eight times what they take on the wire.
  request->DiscardUnknownFields();
  absl::StatusOr<RequestInputs> inputs = ReadInputs(*request);
  if (!inputs.ok()) {
    RefuseAttend(context, request->model(), request->id(), inputs.status(),
                 std::move(done));
    return;
  }
  StartAttend(context,
              {.model = request->model(),
               .inputs = *std::move(inputs),
               .message = request,
               .message_bytes = message_bytes,
               .priority = request->priority(),
               .arrival = terms.arrival,
               .deadline = terms.deadline,
               .cancelled = terms.cancelled},
              std::move(done));
}

}  // namespace attention
