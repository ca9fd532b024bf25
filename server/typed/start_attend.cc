#include "server/typed/start_attend.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "attention/v1/attention.pb.h"
#include "server/request/compressed_message.h"
#include "server/request/message_call.h"
#include "server/typed/read_inputs.h"

namespace attention {

void StartAttendMessage(const ServiceContext& context, grpc::ByteBuffer* bytes,
                        const RpcTerms& terms, ServiceDone done) {
  const auto request = std::make_shared<v1::AttendRequest>();
  const absl::Status decompressed =
      Decompress(context.options.max_request_bytes, *bytes);
  const auto message_bytes = static_cast<std::int64_t>(bytes->Length());
  const absl::Status parsed =
      decompressed.ok() ? ParseMessage(*bytes, *request) : decompressed;
  if (!parsed.ok()) {
    // What a broken message left behind is nobody's id or model.
    RefuseAttend(context, {.arrival = terms.arrival, .status = parsed},
                 std::move(done));
    return;
  }
  // In memory they may take eight times what they take on the wire.
  request->DiscardUnknownFields();
  absl::StatusOr<RequestInputs> inputs = ReadInputs(*request);
  if (!inputs.ok()) {
    RefuseAttend(context,
                 {.model = request->model(),
                  .id = request->id(),
                  .arrival = terms.arrival,
                  .status = inputs.status()},
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
