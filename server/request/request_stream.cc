#include "server/request/request_stream.h"

#include <utility>

namespace attention {

RequestStream::RequestStream(const grpc::CallbackServerContext& rpc,
                             OpenRequests& open_requests, Order order,
                             StartRequest start)
    : open_requests_(open_requests),
      order_(order),
      start_(std::move(start)),
      terms_(TermsOf(rpc, cancelled_)) {
  Actions actions;
  {
    MutexLock lock(mutex_);
    actions = NextActions();
  }
  Run(actions);
}

void RequestStream::OnReadDone(bool ok) {
  if (ok) {
    std::int64_t number = 0;
    {
      MutexLock lock(mutex_);
      ++open_;
      number = next_read_++;
    }
    open_requests_.Enter();
    RpcTerms terms = terms_;
    terms.arrival = SystemClock().Now();
    // `reading_` is still true, which keeps the reactor alive until below.
    start_(&request_, terms, [this, number](const RpcAnswer& answer) {
      OnAnswer(number, answer.message);
    });
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

void RequestStream::OnAnswer(std::int64_t number,
                             const grpc::ByteBuffer& answer) {
  Actions actions;
  {
    MutexLock lock(mutex_);
    if (order_ == Order::kAsFinished) {
      answers_.push_back(answer);
    } else {
      early_[number] = answer;
      for (auto next = early_.begin();
           next != early_.end() && next->first == next_answer_;
           next = early_.erase(next)) {
        answers_.push_back(next->second);
        ++next_answer_;
      }
    }
    actions = NextActions();
  }
  Run(actions);
}

void RequestStream::OnWriteDone(bool ok) {
  Actions actions;
  answer_.Clear();
  open_requests_.Leave();
  {
    MutexLock lock(mutex_);
    writing_ = false;
    --open_;
    if (!ok) broken_ = true;
    actions = NextActions();
  }
  Run(actions);
}

void RequestStream::OnCancel() {
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

RequestStream::Actions RequestStream::NextActions() {
  Actions actions;
  if (finished_) return actions;
  for (; broken_ && !answers_.empty(); answers_.pop_front()) {
    --open_;
    open_requests_.Leave();
  }
  if (!writing_ && !answers_.empty()) {
    answer_.Swap(&answers_.front());
    answers_.pop_front();
    writing_ = true;
    actions.write = true;
  }
  if (!reading_ && !reads_over_ && open_requests_.closed()) {
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

void RequestStream::Run(const Actions& actions) {
  if (actions.write) StartWrite(&answer_);
  if (actions.read) StartRead(&request_);
  if (actions.finish) Finish(actions.status);
}

}  // namespace attention
