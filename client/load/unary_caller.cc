// A call for each request.
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <optional>
#include <utility>

#include "client/load/caller.h"
#include "client/load/message_slices.h"

namespace attention::load {
namespace {

constexpr char kMethod[] = "/attention.v1.AttentionService/Attend";

class UnaryCaller final : public Caller {
 public:
  explicit UnaryCaller(CallerSetup setup) : setup_(std::move(setup)) {
    for (const PreparedRequest& request : setup_.requests) {
      messages_.push_back(ToByteBuffer(request.message));
    }
  }

  void Send(const Flight& flight) override {
    auto* call = new Call(*this, flight);
    const PreparedRequest& request = setup_.requests[flight.request];
    call->context.set_deadline(
        std::chrono::system_clock::now() +
        request.deadline.value_or(setup_.default_deadline));
    if (!setup_.deployment.authorization().empty()) {
      call->context.AddMetadata("authorization",
                                setup_.deployment.authorization());
    }
    grpc::GenericStub stub(setup_.deployment.Next());
    call->reader = stub.PrepareUnaryCall(
        &call->context, kMethod, messages_[flight.request], &setup_.queue);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
  }

  // Every call has a deadline.
  void Finish() override {}

 private:
  // Deletes itself when it is complete.
  struct Call final : Completion {
    Call(UnaryCaller& caller_of, const Flight& flown)
        : caller(caller_of), flight(flown) {}

    void Complete(bool /*ok*/) override {
      caller.Land(*this);
      delete this;
    }

    UnaryCaller& caller;
    Flight flight;
    grpc::ClientContext context;
    grpc::ByteBuffer response;
    grpc::Status status;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  };

  void Land(Call& call) {
    Landing landing{.ending = EndingOf(call.status.error_code()),
                    .ended = SteadyClock::now(),
                    .message = call.status.error_message()};
    if (call.status.ok()) {
      auto answer = ReadAttendResponse(call.response);
      if (answer.has_value()) {
        landing.answer = *std::move(answer);
        landing.bytes = &call.response;
      } else {
        landing.ending = Ending::kFailed;
        landing.message = "the answer is no AttendResponse";
      }
    }
    setup_.on_landed(call.flight, landing);
  }

  const CallerSetup setup_;
  std::vector<grpc::ByteBuffer> messages_;
};

}  // namespace

std::unique_ptr<Caller> MakeUnaryCaller(CallerSetup setup) {
  return std::make_unique<UnaryCaller>(std::move(setup));
}

}  // namespace attention::load
