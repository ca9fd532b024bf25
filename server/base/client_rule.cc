#include "server/base/client_rule.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace attention {
namespace {

bool IsLocal(absl::string_view peer) {
  if (absl::StartsWith(peer, "unix:") || absl::StartsWith(peer, "inproc")) {
    return true;
  }
  // Of gRPC, "ipv6:%5B::1%5D:4000" or, in older ones, "ipv6:[::1]:4000".
  if (absl::ConsumePrefix(&peer, "ipv6:")) {
    if (!absl::ConsumePrefix(&peer, "%5B")) absl::ConsumePrefix(&peer, "[");
  } else {
    absl::ConsumePrefix(&peer, "ipv4:");
  }
  // An IPv4 client of an IPv6 socket.
  absl::ConsumePrefix(&peer, "::ffff:");
  return absl::StartsWith(peer, "127.") || peer == "::1" ||
         absl::StartsWith(peer, "::1]") || absl::StartsWith(peer, "::1%5D");
}

}  // namespace

absl::Status CheckClient(const ClientRule& rule, absl::string_view peer) {
  if (rule.allowed == "off") {
    return absl::PermissionDeniedError(absl::StrCat(
        rule.what, ": the server was started with ", rule.flag, " off"));
  }
  if (rule.allowed != "any" && !IsLocal(peer)) {
    return absl::PermissionDeniedError(absl::StrCat(
        rule.what, ": only for clients on the server's machine, not from ",
        peer, "; ", rule.flag, " any lets them"));
  }
  return absl::OkStatus();
}

}  // namespace attention
