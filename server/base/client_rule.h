// Who may ask for what only some clients may: a flag says it.
#ifndef SERVER_BASE_CLIENT_RULE_H_
#define SERVER_BASE_CLIENT_RULE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace attention {

struct ClientRule {
  // What they ask for, "shared memory", and the flag that lets them.
  absl::string_view what;
  absl::string_view flag;
  // Its value: "local", who reaches the server without leaving the machine;
  // "any"; or "off", nobody. ServerOptions has checked it.
  absl::string_view allowed;
};

// PermissionDenied, saying which flag would let it, for a client whom `rule`
// does not let. `peer` is its address as gRPC writes it
// ("ipv4:127.0.0.1:4000", "unix:/path") or bare ("127.0.0.1", "::1").
absl::Status CheckClient(const ClientRule& rule, absl::string_view peer);

}  // namespace attention

#endif  // SERVER_BASE_CLIENT_RULE_H_
