// One AttendStream whose requests somebody else answers, in any order.
#ifndef TESTS_SUPPORT_ANSWER_STREAM_H_
#define TESTS_SUPPORT_ANSWER_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>

#include "attention/v1/attention.pb.h"
#include "core/base/mutex.h"

namespace attention {

// Owns itself: OnDone deletes. After its last action an event does not touch
// the reactor, which may be gone.
class AnswerStream final
    : public grpc::ServerBidiReactor<v1::AttendRequest,
                                     v1::AttendStreamResponse> {
 public:
  // Gets every request; for each it calls Answer once, then or later.
  using Take = std::function<void(v1::AttendRequest, AnswerStream*)>;

  explicit AnswerStream(Take take);

  // Thread-safe.
  void Answer(v1::AttendStreamResponse response);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  const Take take_;
  v1::AttendRequest request_;

  Mutex mutex_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  // Requests whose answer is not written.
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  // The first is being written.
  std::deque<v1::AttendStreamResponse> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // TESTS_SUPPORT_ANSWER_STREAM_H_
