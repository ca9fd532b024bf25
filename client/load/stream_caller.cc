// Requests over streams, answers matched by id.
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/message_slices.h"
#include "client/load/caller.h"
#include "core/base/mutex.h"

namespace attention::load {
namespace {

// A request of the pool, whose slices all that send it share.
using Message = std::vector<grpc::Slice>;

// One stream after another of the same connection. Send may come from any
// thread, completions come from one.
class Stream {
 public:
  Stream(const CallerSetup& setup, const std::vector<Message>& messages)
      : setup_(setup),
        messages_(messages),
        channel_(setup.deployment.NextIndex()) {}

  bool IsHealthy() const { return setup_.deployment.IsHealthy(channel_); }

  void Send(const Flight& flight) {
    const MutexLock lock(mutex_);
    if (call_ == nullptr) Open();
    const std::uint64_t id = next_id_++;
    flights_.emplace(id, flight);
    waiting_.push_back(id);
    WriteNext();
  }

  void Finish() {
    const MutexLock lock(mutex_);
    is_finishing_ = true;
    if (call_ != nullptr) context_->TryCancel();
    closed_.wait(mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return call_ == nullptr;
    });
  }

 private:
  struct Event final : Completion {
    Event(Stream& stream_of, void (Stream::*handler_of)(bool))
        : stream(stream_of), handler(handler_of) {}
    void Complete(bool ok) override { (stream.*handler)(ok); }

    Stream& stream;
    void (Stream::* const handler)(bool);
  };

  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    context_ = std::make_unique<grpc::ClientContext>();
    if (!setup_.deployment.authorization().empty()) {
      context_->AddMetadata("authorization", setup_.deployment.authorization());
    }
    grpc::GenericStub stub(setup_.deployment.channels()[channel_]);
    call_ = stub.PrepareCall(
        context_.get(), setup_.protocol.Method(Way::kStream), &setup_.queue);
    call_->StartCall(&started_);
  }

  void OnStarted(bool ok) {
    const MutexLock lock(mutex_);
    if (!ok) {
      call_->Finish(&status_, &finished_);
      return;
    }
    is_open_ = true;
    call_->Read(&response_, &read_);
    WriteNext();
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!is_open_ || is_writing_ || waiting_.empty()) return;
    const std::uint64_t id = waiting_.front();
    waiting_.pop_front();
    is_writing_ = true;
    call_->Write(MessageOf(flights_.at(id), id), &wrote_);
  }

  grpc::ByteBuffer MessageOf(const Flight& flight, std::uint64_t id) const {
    Message slices = messages_[flight.request];
    slices.emplace_back(setup_.protocol.SerializeId(absl::StrCat(id)));
    return {slices.data(), slices.size()};
  }

  void OnWrote(bool ok) {
    const MutexLock lock(mutex_);
    is_writing_ = false;
    // Otherwise the read ends, too, and with it the stream.
    if (ok) WriteNext();
    FinishIfBroken();
  }

  void OnRead(bool ok) {
    if (ok) Land();
    const MutexLock lock(mutex_);
    if (ok) {
      call_->Read(&response_, &read_);
      return;
    }
    is_open_ = false;
    is_broken_ = true;
    FinishIfBroken();
  }

  // A stream may not be finished while something is being written.
  void FinishIfBroken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!is_broken_ || is_writing_) return;
    is_broken_ = false;
    call_->Finish(&status_, &finished_);
  }

  void Land() {
    const auto now = SteadyClock::now();
    const auto answer = setup_.protocol.ReadHeader(response_, Way::kStream);
    std::uint64_t id = 0;
    std::optional<Flight> flight;
    if (answer.has_value() && absl::SimpleAtoi(answer->id, &id)) {
      flight = Take(id);
    }
    if (!flight.has_value()) {
      // Nobody knows whose answer it is: the stream cannot be trusted.
      const MutexLock lock(mutex_);
      context_->TryCancel();
      return;
    }
    Landing landing = LandingOfAnswer(*answer, now);
    if (landing.ending == Ending::kAnswered &&
        now - flight->sent > setup_.DeadlineOf(*flight)) {
      landing = LandingOf(setup_.protocol, grpc::StatusCode::DEADLINE_EXCEEDED,
                          "the answer came after the deadline", now);
    }
    setup_.on_landed(*flight, landing);
  }

  std::optional<Flight> Take(std::uint64_t id) {
    const MutexLock lock(mutex_);
    const auto found = flights_.find(id);
    if (found == flights_.end()) return std::nullopt;
    const Flight flight = found->second;
    flights_.erase(found);
    return flight;
  }

  Landing LandingOfAnswer(const AnswerHeader& answer,
                          SteadyClock::time_point now) const {
    if (answer.is_error && answer.error_code != grpc::StatusCode::OK) {
      return LandingOf(setup_.protocol, answer.error_code, answer.error_message,
                       now);
    }
    if (answer.is_error || answer.contexts_bytes == 0) {
      return FailedLanding("the answer holds no contexts", now);
    }
    Landing landing = LandingOf(setup_.protocol, grpc::StatusCode::OK, "", now);
    landing.answer = answer;
    landing.bytes = &response_;
    return landing;
  }

  // All that was on the stream has ended with it. The next request opens
  // another.
  void OnFinished(bool /*ok*/) {
    std::unordered_map<std::uint64_t, Flight> lost;
    bool is_finishing = false;
    {
      const MutexLock lock(mutex_);
      lost.swap(flights_);
      waiting_.clear();
      is_finishing = is_finishing_;
    }
    for (const auto& [id, flight] : lost) {
      const auto now = SteadyClock::now();
      Landing landing =
          is_finishing
              ? LandingOf(setup_.protocol, grpc::StatusCode::DEADLINE_EXCEEDED,
                          "no answer on the stream before the deadline", now)
              : FailedLanding(
                    absl::StrCat("the stream ended: ", status_.error_message()),
                    now);
      setup_.on_landed(flight, landing);
    }
    const MutexLock lock(mutex_);
    call_ = nullptr;
    closed_.notify_all();
    // For what was sent meanwhile.
    if (!waiting_.empty()) Open();
  }

  const CallerSetup& setup_;
  const std::vector<Message>& messages_;
  const std::size_t channel_;
  Event started_{*this, &Stream::OnStarted};
  Event wrote_{*this, &Stream::OnWrote};
  Event read_{*this, &Stream::OnRead};
  Event finished_{*this, &Stream::OnFinished};
  // Of the completing thread.
  grpc::ByteBuffer response_;
  grpc::Status status_;

  Mutex mutex_;
  std::condition_variable_any closed_;
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_
      ABSL_GUARDED_BY(mutex_);
  bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finishing_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::deque<std::uint64_t> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, Flight> flights_ ABSL_GUARDED_BY(mutex_);
};

class StreamCaller final : public Caller {
 public:
  StreamCaller(CallerSetup setup, int streams) : setup_(std::move(setup)) {
    for (const PreparedRequest& request : setup_.requests) {
      messages_.push_back(ToSlices(request.message));
    }
    for (int i = 0; i < streams; ++i) {
      streams_.push_back(std::make_unique<Stream>(setup_, messages_));
    }
  }

  void Send(const Flight& flight) override {
    std::size_t next = 0;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      next = turn_++ % streams_.size();
      if (streams_[next]->IsHealthy()) break;
    }
    streams_[next]->Send(flight);
  }

  void Finish() override {
    for (const auto& stream : streams_) stream->Finish();
  }

 private:
  const CallerSetup setup_;
  std::vector<Message> messages_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace

std::unique_ptr<Caller> MakeStreamCaller(CallerSetup setup, int streams) {
  return std::make_unique<StreamCaller>(std::move(setup), streams);
}

}  // namespace attention::load
