// The gRPC server: its port, its settings, health and reflection.
#ifndef SERVER_GRPC_LISTENER_H_
#define SERVER_GRPC_LISTENER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/inference/inference_context.h"

namespace attention {

// Serves from Create to Shutdown. Thread-safe but for closing.
class GrpcListener {
 public:
  // Binds and serves; health says NOT_SERVING. FailedPrecondition when the port
  // cannot be had. What `context` refers to must outlive the listener.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Create(
      const oip::InferenceContext& context);

  // Shutdown(), unless that was called.
  ~GrpcListener();

  GrpcListener(const GrpcListener&) = delete;
  GrpcListener& operator=(const GrpcListener&) = delete;

  // What grpc.health.v1 answers, overall and for each service.
  void SetServing(bool serving);

  // Closes the port and tells clients to connect elsewhere (GOAWAY); the calls
  // that there are go on. Once.
  void CloseConnections();

  // Closes the port, cancels the calls that there are and waits for them.
  void Shutdown();

  int port() const;

 private:
  class Impl;

  explicit GrpcListener(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // SERVER_GRPC_LISTENER_H_
