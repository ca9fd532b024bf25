// Fuzzes what a request over HTTP is read from: any path, headers and body are
// refused with a printable reason, or give tensors that lie in the body or in
// memory that the message keeps.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "server/rest/read_infer.h"
#include "server/rest/route.h"

namespace attention::oip {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// "METHOD PATH", a line for each "NAME: VALUE", an empty line, the body.
struct OwnedRequest {
  explicit OwnedRequest(absl::string_view text) {
    const std::size_t end = text.find("\n\n");
    const absl::string_view head = text.substr(0, end);
    text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 2);
    // At its exact size on the heap, for AddressSanitizer.
    body = std::make_unique<std::byte[]>(text.size());
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(body.get()));
    request.body = body.get();
    request.body_size = text.size();
    const std::vector<std::string> lines = absl::StrSplit(head, '\n');
    const std::pair<std::string, std::string> first =
        absl::StrSplit(lines.front(), absl::MaxSplits(' ', 1));
    request.method = first.first;
    request.path = first.second;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      request.headers.push_back(
          absl::StrSplit(lines[i], absl::MaxSplits(": ", 1)));
    }
  }

  std::unique_ptr<std::byte[]> body;
  http::Request request;
};

void CheckError(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument ||
          status.code() == absl::StatusCode::kResourceExhausted);
  Require(!status.message().empty());
  Require(std::none_of(status.message().begin(), status.message().end(),
                       [](unsigned char c) { return c < ' ' || c >= 0x7f; }));
}

void CheckBody(const InferBody& body) {
  std::int64_t bytes = 0;
  for (const RawContents& raw : body.message.raw) {
    Require(raw.fragments == nullptr && raw.bytes >= 0);
    bytes += raw.bytes;
    // The sanitizer knows whether they are there.
    const volatile std::byte* const data = raw.data;
    for (std::int64_t i = 0; i < raw.bytes; ++i) static_cast<void>(data[i]);
  }
  Require(bytes <= body.message.bytes);
  Require(body.message.header.inputs_size() >=
          static_cast<int>(body.message.raw.size()));
  for (const auto& output : body.message.header.outputs()) {
    static_cast<void>(body.forms.IsBinary(output.name()));
  }
}

void Run(absl::string_view text) {
  auto owned = std::make_shared<OwnedRequest>(text);
  const auto route = ParseRoute(owned->request.path);
  if (!route.has_value()) return;
  static_cast<void>(AllowsMethod(route->endpoint, owned->request.method));
  MemoryBudget budget(std::int64_t{1} << 24);
  {
    const auto body = ReadInferBody({owned, &owned->request}, *route, budget);
    owned = nullptr;
    if (body.ok()) {
      CheckBody(*body);
    } else {
      CheckError(body.status());
    }
  }
  Require(budget.used_bytes() == 0);
}

}  // namespace
}  // namespace attention::oip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  attention::oip::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
