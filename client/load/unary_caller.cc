// A call for each request.
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <optional>
#include <string>
#include <utility>

#include "client/cpp/message_slices.h"
#include "client/load/caller.h"

namespace attention::load {
namespace {

class UnaryCaller final : public Caller {
 public:
  explicit UnaryCaller(CallerSetup setup)
      : setup_(std::move(setup)), method_(setup_.protocol.Method(Way::kUnary)) {
    for (const PreparedRequest& request : setup_.requests) {
      const std::vector<grpc::Slice> slices = ToSlices(request.message);
      messages_.emplace_back(slices.data(), slices.size());
    }
  }

  void Send(const Flight& flight) override {
    auto* call = new Call(*this, flight);
    call->context.set_deadline(std::chrono::system_clock::now() +
                               setup_.DeadlineOf(flight));
    if (!setup_.deployment.authorization().empty()) {
      call->context.AddMetadata("authorization",
                                setup_.deployment.authorization());
    }
    grpc::GenericStub stub(setup_.deployment.Next());
    call->reader = stub.PrepareUnaryCall(
        &call->context, method_, messages_[flight.request], &setup_.queue);
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
    const auto now = SteadyClock::now();
    Landing landing = LandingOf(setup_.protocol, call.status.error_code(),
                                call.status.error_message(), now);
    if (call.status.ok()) {
      auto answer = setup_.protocol.ReadHeader(call.response, Way::kUnary);
      if (answer.has_value() && answer->contexts_bytes > 0) {
        landing.answer = *std::move(answer);
        landing.bytes = &call.response;
      } else {
        landing = FailedLanding("the answer holds no contexts", now);
      }
    }
    setup_.on_landed(call.flight, landing);
  }

  const CallerSetup setup_;
  const std::string method_;
  std::vector<grpc::ByteBuffer> messages_;
};

}  // namespace

std::unique_ptr<Caller> MakeUnaryCaller(CallerSetup setup) {
  return std::make_unique<UnaryCaller>(std::move(setup));
}

}  // namespace attention::load
