// How requests reach a deployment: call by call, or over streams.
#ifndef CLIENT_LOAD_CALLER_H_
#define CLIENT_LOAD_CALLER_H_

#include <grpcpp/completion_queue.h>

#include <chrono>
#include <memory>
#include <vector>

#include "client/load/deployment.h"
#include "client/load/flight.h"
#include "client/load/protocol.h"
#include "client/load/request_pool.h"

namespace attention::load {

// What a completion queue gives back as its tag.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void Complete(bool ok) = 0;
};

// Requests that share a completion queue. `on_landed` is called exactly once
// for each flight, by the thread that runs completions.
class Caller {
 public:
  virtual ~Caller() = default;

  // From any thread; never waits for the server.
  virtual void Send(const Flight& flight) = 0;

  // No Send follows. Cancels what has no deadline of its own and returns when
  // no event will be added to the queue any more. Not from the thread that runs
  // completions.
  virtual void Finish() = 0;
};

struct CallerSetup {
  Deployment& deployment;
  const std::vector<PreparedRequest>& requests;
  // That of the requests.
  const Protocol& protocol;
  std::chrono::milliseconds default_deadline{};
  grpc::CompletionQueue& queue;
  OnLanded on_landed;

  std::chrono::milliseconds DeadlineOf(const Flight& flight) const {
    return requests[flight.request].deadline.value_or(default_deadline);
  }
};

// A call for each request.
std::unique_ptr<Caller> MakeUnaryCaller(CallerSetup setup);

// `streams` streams, in turn, each with one connection; those whose server is
// lost or says NOT_SERVING are left out while there are others. A lost one is
// opened again by the next request; what was on it has failed. The server may
// not know the deadlines: an answer that comes after its own is counted as
// expired, and one that never comes is when the caller finishes.
std::unique_ptr<Caller> MakeStreamCaller(CallerSetup setup, int streams);

}  // namespace attention::load

#endif  // CLIENT_LOAD_CALLER_H_
