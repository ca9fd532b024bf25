#include "server/typed/attend_stream.h"

#include <utility>

#include "server/typed/response_buffer.h"

namespace attention {

AttendStreamReactor::AttendStreamReactor(const ServiceContext& context,
                                         Clock::TimePoint deadline)
    : context_(context), deadline_(deadline) {
  Actions actions;
  {
    MutexLock lock(mutex_);
    actions = NextActions();
  }
  Run(actions);
}

void AttendStreamReactor::OnReadDone(bool ok) {
  if (ok) {
    {
      MutexLock lock(mutex_);
      ++open_;
    }
    context_.open_requests.Enter();
    // `reading_` is still true, which keeps the reactor alive until below.
    StartAttend(
        context_, &request_, deadline_, cancelled_,
        [this](AttendResult result) { OnAttendDone(std::move(result)); });
  }
  Actions actions;
  {
    MutexLock lock(mutex_);
    reading_ = false;
    if (!ok) reads_over_ = true;
    actions = NextActions();
  }
  Run(actions);
}

void AttendStreamReactor::OnAttendDone(AttendResult result) {
  const grpc::ByteBuffer answer =
      result.status.ok() ? MakeResponseBuffer(result.id, result.timing,
                                              *std::move(result.outputs),
                                              ResponseFraming::kStream)
                         : MakeStreamErrorBuffer(result.id, result.status);
  Actions actions;
  {
    MutexLock lock(mutex_);
    answers_.push_back(answer);
    actions = NextActions();
  }
  Run(actions);
}

void AttendStreamReactor::OnWriteDone(bool ok) {
  Actions actions;
  answer_.Clear();
  context_.open_requests.Leave();
  {
    MutexLock lock(mutex_);
    writing_ = false;
    --open_;
    if (!ok) broken_ = true;
    actions = NextActions();
  }
  Run(actions);
}

void AttendStreamReactor::OnCancel() {
  cancelled_->store(true, std::memory_order_relaxed);
  Actions actions;
  {
    MutexLock lock(mutex_);
    broken_ = true;
    reads_over_ = true;
    actions = NextActions();
  }
  Run(actions);
}

AttendStreamReactor::Actions AttendStreamReactor::NextActions() {
  Actions actions;
  if (finished_) return actions;
  for (; broken_ && !answers_.empty(); answers_.pop_front()) {
    --open_;
    context_.open_requests.Leave();
  }
  if (!writing_ && !answers_.empty()) {
    answer_.Swap(&answers_.front());
    answers_.pop_front();
    writing_ = true;
    actions.write = true;
  }
  if (!reading_ && !reads_over_ && context_.open_requests.closed()) {
    reads_over_ = true;
    stopped_ = true;
  }
  if (!reading_ && !reads_over_ && open_ < kMaxStreamRequests) {
    reading_ = true;
    actions.read = true;
  }
  if (reads_over_ && !reading_ && !writing_ && open_ == 0) {
    finished_ = true;
    actions.finish = true;
    if (stopped_) {
      actions.status = grpc::Status(
          grpc::StatusCode::UNAVAILABLE,
          "the server is stopping; open the stream on another connection");
    }
  }
  return actions;
}

void AttendStreamReactor::Run(const Actions& actions) {
  if (actions.write) StartWrite(&answer_);
  if (actions.read) StartRead(&request_);
  if (actions.finish) Finish(actions.status);
}

}  // namespace attention
