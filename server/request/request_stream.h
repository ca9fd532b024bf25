// A bidirectional rpc: many requests over one stream, an answer for each.
#ifndef SERVER_REQUEST_REQUEST_STREAM_H_
#define SERVER_REQUEST_REQUEST_STREAM_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "core/base/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/request/open_requests.h"
#include "server/request/rpc_request.h"

namespace attention {

// Requests of one stream that are read but not answered; the next is not read
// before one is, so that a client that does not read cannot fill the memory.
inline constexpr int kMaxStreamRequests = 32;

// Owns itself: OnDone deletes. Every event takes the lock once, decides what
// comes next, and acts on it without the lock; after its last action it does
// not touch the reactor, which may be gone.
class RequestStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // In which order answers are sent.
  enum class Order { kAsFinished, kAsAsked };

  // What every answer of `start` holds is sent.
  RequestStream(const grpc::CallbackServerContext& rpc,
                OpenRequests& open_requests, Order order, StartRequest start);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { delete this; }

 private:
  // What to do once the lock is released.
  struct Actions {
    bool read = false;
    bool write = false;
    bool finish = false;
    grpc::Status status = grpc::Status::OK;
  };

  // A worker thread has the answer to the request of that number.
  void OnAnswer(std::int64_t number, const grpc::ByteBuffer& answer);

  Actions NextActions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(const Actions& actions);

  OpenRequests& open_requests_;
  const Order order_;
  const StartRequest start_;
  // The engine looks at it; OnCancel sets it.
  const std::shared_ptr<std::atomic<bool>> cancelled_ =
      std::make_shared<std::atomic<bool>>(false);
  // Of the stream; each request has an arrival of its own.
  const RpcTerms terms_;

  // The one message being read and the one being written belong to gRPC while
  // `reading_` and `writing_`.
  grpc::ByteBuffer request_;
  grpc::ByteBuffer answer_;

  Mutex mutex_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing more will be read: half-closed by the client, or cancelled.
  bool reads_over_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing more is read because the server stops.
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Nobody listens: answers are dropped.
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // Requests read whose answer is not written.
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  // Requests are numbered as they come; the next to be read, and the next whose
  // answer may be sent in the order of the requests.
  std::int64_t next_read_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t next_answer_ ABSL_GUARDED_BY(mutex_) = 0;
  // Answers that wait for those of earlier requests, by number.
  std::map<std::int64_t, grpc::ByteBuffer> early_ ABSL_GUARDED_BY(mutex_);
  // Answers to send.
  std::deque<grpc::ByteBuffer> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // SERVER_REQUEST_REQUEST_STREAM_H_
