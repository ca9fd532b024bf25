// A server that answers as a test tells it to, without any arithmetic.
#ifndef TESTS_CLIENT_FAKE_ATTENTION_SERVICE_H_
#define TESTS_CLIENT_FAKE_ATTENTION_SERVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "attention/v1/attention.pb.h"

namespace attention {

// Serves v1.AttentionService on a free port of 127.0.0.1 until destroyed.
// Contexts are the queries; attention weights are the same for every key. Knows
// the models "minilm/0" (2 heads, any width, bf16) and "sdpa"; others are
// NOT_FOUND.
// Thread-safe.
class FakeAttentionService {
 public:
  FakeAttentionService();
  ~FakeAttentionService();
  FakeAttentionService(const FakeAttentionService&) = delete;
  FakeAttentionService& operator=(const FakeAttentionService&) = delete;

  // "127.0.0.1:PORT".
  const std::string& address() const;

  // The next `count` calls of Attend end with `status`.
  void FailNext(int count, const absl::Status& status);
  // From now on calls of Attend wait for Release or for the destructor.
  void Hold();
  void Release();
  // What GetServerInfo says; nothing is refused here.
  void SetMaxRequestBytes(std::int64_t bytes);
  // From now on the shape in an answer does not match its data.
  void LieAboutShape();

  // What grpc.health.v1 says; SERVING at first.
  void SetServing(bool serving);

  // Calls of Attend that have arrived, retries included.
  int attend_calls() const;
  // Calls of GetServerInfo.
  int info_calls() const;
  // Returns when that many calls of Attend have arrived.
  void WaitForAttendCalls(int count) const;
  v1::AttendRequest last_request() const;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // TESTS_CLIENT_FAKE_ATTENTION_SERVICE_H_
