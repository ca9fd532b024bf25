#include "tests/support/raw_rpc.h"

#include <utility>

namespace attention {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// One call of RawUnaryAll.
struct PendingCall {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
};

void Start(grpc::GenericStub& stub, const std::string& method,
           const std::string& request, PendingCall& call) {
  call.request = ToBuffer(request);
  stub.UnaryCall(
      &call.context, method, grpc::StubOptions(), &call.request, &call.response,
      [&call](const grpc::Status& status) { call.done.set_value(status); });
}

}  // namespace

RawAnswer RawUnary(const std::shared_ptr<grpc::Channel>& channel,
                   const std::string& method, const std::string& request) {
  grpc::GenericStub stub(channel);
  PendingCall call;
  Start(stub, method, request, call);
  RawAnswer answer;
  answer.status = call.done.get_future().get();
  if (answer.status.ok()) answer.bytes = ToString(call.response);
  return answer;
}

std::vector<grpc::Status> RawUnaryAll(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
    const std::vector<std::string>& requests) {
  grpc::GenericStub stub(channel);
  std::vector<PendingCall> calls(requests.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Start(stub, method, requests[i], calls[i]);
  }
  std::vector<grpc::Status> statuses;
  statuses.reserve(calls.size());
  for (PendingCall& call : calls) {
    statuses.push_back(call.done.get_future().get());
  }
  return statuses;
}

RawStream::RawStream(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& method,
                     std::vector<std::string> requests)
    : stub_(channel), requests_(std::move(requests)) {
  stub_.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
  WriteNext();
  StartRead(&answer_);
  StartCall();
}

void RawStream::OnWriteDone(bool ok) {
  if (ok) WriteNext();
}

void RawStream::OnReadDone(bool ok) {
  if (!ok) return;
  answers_.push_back(ToString(answer_));
  StartRead(&answer_);
}

void RawStream::WriteNext() {
  if (next_ == requests_.size()) {
    StartWritesDone();
    return;
  }
  request_ = ToBuffer(requests_[next_++]);
  StartWrite(&request_);
}

}  // namespace attention
