// A host and a port as one address.
#ifndef SERVER_BASE_ADDRESS_H_
#define SERVER_BASE_ADDRESS_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace attention {

// "127.0.0.1:8001"; an IPv6 host gets the brackets that it needs.
inline std::string JoinAddress(const std::string& host, int port) {
  const bool bare_ipv6 =
      absl::StrContains(host, ':') && !absl::StartsWith(host, "[");
  return bare_ipv6 ? absl::StrCat("[", host, "]:", port)
                   : absl::StrCat(host, ":", port);
}

}  // namespace attention

#endif  // SERVER_BASE_ADDRESS_H_
