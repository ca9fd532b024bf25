// Calls that send and take bytes, for messages that no typed stub can make and
// for services whose generated code is not at hand.
#ifndef TESTS_SUPPORT_RAW_RPC_H_
#define TESTS_SUPPORT_RAW_RPC_H_

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "grpcpp/support/status.h"

namespace attention {

struct RawAnswer {
  grpc::Status status{};
  std::string bytes{};
};

// One unary call; `method` is "/package.Service/Method".
RawAnswer RawUnary(const std::shared_ptr<grpc::Channel>& channel,
                   const std::string& method, const std::string& request);

// Starts all calls at once and returns their statuses in the order of the
// requests.
std::vector<grpc::Status> RawUnaryAll(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
    const std::vector<std::string>& requests);

// A stream that writes all `requests`, half-closes, and reads what comes. One
// use.
class RawStream
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  RawStream(const std::shared_ptr<grpc::Channel>& channel,
            const std::string& method, std::vector<std::string> requests);

  // Waits for the end of the stream; then answers() does not change any more.
  grpc::Status Wait() { return done_.get_future().get(); }
  const std::vector<std::string>& answers() const { return answers_; }

  void OnWriteDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }

 private:
  void WriteNext();

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::vector<std::string> requests_;
  std::size_t next_ = 0;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer answer_;
  std::vector<std::string> answers_;
  std::promise<grpc::Status> done_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_RAW_RPC_H_
