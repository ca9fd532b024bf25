#include "server/http/pending_answer.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <utility>

#include "microhttpd.h"
#include "server/http/error_response.h"

namespace attention::http {
namespace {

class Responder {
 public:
  explicit Responder(std::shared_ptr<PendingAnswer> answer)
      : answer_(std::move(answer)) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) = delete;
  ~Responder() {
    if (answer_ == nullptr) return;
    answer_->Give(ErrorResponse(MHD_HTTP_INTERNAL_SERVER_ERROR,
                                "the server has forgotten this request"));
  }

  void operator()(Response response) && {
    if (answer_ == nullptr) return;
    std::exchange(answer_, nullptr)->Give(std::move(response));
  }

 private:
  std::shared_ptr<PendingAnswer> answer_;
};

}  // namespace

PendingAnswer::PendingAnswer(OpenExchanges& open, int socket, int wake)
    : open_(open), wake_(wake), socket_(socket) {}

std::optional<Response> PendingAnswer::TakeOrSuspend(
    MHD_Connection* connection) {
  MutexLock lock(mutex_);
  if (response_.has_value()) return std::exchange(response_, std::nullopt);
  suspended_ = connection;
  MHD_suspend_connection(connection);
  return std::nullopt;
}

void PendingAnswer::End() {
  std::optional<Response> unsent;
  MutexLock lock(mutex_);
  socket_ = -1;
  unsent = std::exchange(response_, std::nullopt);
}

void PendingAnswer::Give(Response response) {
  std::optional<Response> given(std::move(response));
  MHD_Connection* suspended = nullptr;
  {
    MutexLock lock(mutex_);
    if (socket_ >= 0) response_.swap(given);
    suspended = std::exchange(suspended_, nullptr);
  }
  // It cannot go away before this: MHD does not look at it while it is
  // suspended.
  if (suspended != nullptr) {
    MHD_resume_connection(suspended);
    // MHD_run may swallow what that says to it when it comes meanwhile.
    eventfd_write(wake_, 1);
  }
  // An answer that nobody takes keeps nothing while the listener stops.
  given.reset();
  open_.Answered();
}

bool PendingAnswer::ClientHasLeft() const {
  MutexLock lock(mutex_);
  if (socket_ < 0) return true;
  pollfd events{.fd = socket_, .events = POLLRDHUP, .revents = 0};
  return poll(&events, 1, 0) == 1;
}

Respond RespondTo(std::shared_ptr<PendingAnswer> answer) {
  return Responder(std::move(answer));
}

}  // namespace attention::http
