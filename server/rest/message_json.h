// A message of the protocol -> JSON, as Triton's HTTP clients expect it.
#ifndef SERVER_REST_MESSAGE_JSON_H_
#define SERVER_REST_MESSAGE_JSON_H_

#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace attention::oip {

// Keeps the order of the fields, which is easier to read.
using Json = nlohmann::ordered_json;

// Under the names that fields have in the .proto, with fields that have their
// default; messages and members of a oneof only when they are set. Numbers of
// 64 bits are numbers: protobuf's own JSON has strings, which these clients do
// not read.
Json ToJson(const google::protobuf::Message& message);

}  // namespace attention::oip

#endif  // SERVER_REST_MESSAGE_JSON_H_
