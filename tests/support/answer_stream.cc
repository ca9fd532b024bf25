// One AttendStream whose requests somebody else answers, in any order.
#include "tests/support/answer_stream.h"

#include <utility>

namespace attention {

AnswerStream::AnswerStream(Take take) : take_(std::move(take)) {
  StartRead(&request_);
}

void AnswerStream::OnReadDone(bool ok) {
  if (ok) {
    {
      const MutexLock lock(mutex_);
      ++open_;
    }
    take_(std::move(request_), this);
    // `reading_` is still true, which keeps the reactor alive until here.
    request_.Clear();
    StartRead(&request_);
    return;
  }
  bool finish = false;
  {
    const MutexLock lock(mutex_);
    reading_ = false;
    finish = open_ == 0;
  }
  if (finish) Finish(grpc::Status::OK);
}

void AnswerStream::Answer(v1::AttendStreamResponse response) {
  const v1::AttendStreamResponse* write = nullptr;
  {
    const MutexLock lock(mutex_);
    answers_.push_back(std::move(response));
    if (answers_.size() == 1) write = &answers_.front();
  }
  if (write != nullptr) StartWrite(write);
}

void AnswerStream::OnWriteDone(bool /*ok*/) {
  const v1::AttendStreamResponse* write = nullptr;
  bool finish = false;
  {
    const MutexLock lock(mutex_);
    answers_.pop_front();
    --open_;
    if (!answers_.empty()) write = &answers_.front();
    finish = !reading_ && open_ == 0;
  }
  // Where the client is gone the next fails too.
  if (write != nullptr) StartWrite(write);
  if (finish) Finish(grpc::Status::OK);
}

}  // namespace attention
