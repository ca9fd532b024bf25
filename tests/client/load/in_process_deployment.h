// The engine and a model, as in a server, without the network.
#ifndef TESTS_CLIENT_LOAD_IN_PROCESS_DEPLOYMENT_H_
#define TESTS_CLIENT_LOAD_IN_PROCESS_DEPLOYMENT_H_

#include <memory>
#include <string>
#include <vector>

#include "client/cpp/attention_client.h"
#include "core/engine/engine.h"
#include "core/model/model.h"

namespace attention::load {

class InProcessDeployment {
 public:
  // `path` has the parameters of the model, whose first layer answers to every
  // name but `sdpa`. Ends the process when they cannot be read.
  explicit InProcessDeployment(const std::string& path);

  // What the kernel answers to a call with q_lengths, and with an attn_mask of
  // [batch, 1, q_len, kv_len] if any. Fails the test when the engine refuses.
  AttendResult Attend(const AttendCall& call);

 private:
  const std::vector<std::shared_ptr<const Model>> models_;
  const std::unique_ptr<Engine> engine_;
};

}  // namespace attention::load

#endif  // TESTS_CLIENT_LOAD_IN_PROCESS_DEPLOYMENT_H_
