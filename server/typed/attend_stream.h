// AttendStream: many requests over one stream, answers as they finish.
#ifndef SERVER_TYPED_ATTEND_STREAM_H_
#define SERVER_TYPED_ATTEND_STREAM_H_

#include <atomic>
#include <deque>
#include <memory>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/request/attend.h"
#include "server/request/service_context.h"

namespace attention {

// Requests of one stream that are read but not answered; the next is not read
// before one is, so that a client that does not read cannot fill the memory.
inline constexpr int kMaxStreamRequests = 32;

// Owns itself: OnDone deletes. Every event takes the lock once, decides what
// comes next, and acts on it without the lock; after its last action it does
// not touch the reactor, which may be gone.
class AttendStreamReactor final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  AttendStreamReactor(const ServiceContext& context, Clock::TimePoint deadline);

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

  // A worker thread has the answer to a request.
  void OnAttendDone(AttendResult result);

  Actions NextActions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(const Actions& actions);

  const ServiceContext& context_;
  const Clock::TimePoint deadline_;
  // The engine looks at it; OnCancel sets it.
  const std::shared_ptr<std::atomic<bool>> cancelled_ =
      std::make_shared<std::atomic<bool>>(false);

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
  std::deque<grpc::ByteBuffer> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // SERVER_TYPED_ATTEND_STREAM_H_
