// The protocols that there are.
#include "client/load/protocol.h"

namespace attention::load {
namespace {

std::vector<const Protocol*> All() {
  return {&TypedProtocol(), &OpenInferenceProtocol()};
}

}  // namespace

std::vector<std::string> ProtocolNames() {
  std::vector<std::string> names;
  for (const Protocol* protocol : All()) names.emplace_back(protocol->name());
  return names;
}

const Protocol* FindProtocol(const std::string& name) {
  for (const Protocol* protocol : All()) {
    if (protocol->name() == name) return protocol;
  }
  return nullptr;
}

}  // namespace attention::load
