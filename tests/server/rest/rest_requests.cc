#include "tests/server/rest/rest_requests.h"

#include <cstring>
#include <future>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace attention::oip {
namespace {

constexpr char kJsonLength[] = "Inference-Header-Content-Length";

// A request and its body, at its exact size on the heap for AddressSanitizer.
struct OwnedRequest {
  std::unique_ptr<std::byte[]> body;
  http::Request request;
};

}  // namespace

std::shared_ptr<http::Request> MakeHttpRequest(const std::string& method,
                                               const std::string& path,
                                               const std::string& body,
                                               const HttpHeaders& headers) {
  auto owned = std::make_shared<OwnedRequest>();
  http::Request& request = owned->request;
  if (!body.empty()) {
    owned->body = std::make_unique<std::byte[]>(body.size());
    std::memcpy(owned->body.get(), body.data(), body.size());
  }
  request.method = method;
  request.path = path;
  request.headers = headers;
  request.body = owned->body.get();
  request.body_size = body.size();
  request.peer = "127.0.0.1";
  request.cancelled = [] { return false; };
  return {owned, &owned->request};
}

std::shared_ptr<http::Request> MakeBinaryRequest(const std::string& path,
                                                 const std::string& json,
                                                 const std::string& tensors) {
  return MakeHttpRequest("POST", path, json + tensors,
                         {{kJsonLength, absl::StrCat(json.size())}});
}

std::string RestAnswer::Header(const std::string& name) const {
  for (const auto& [header, value] : headers) {
    if (absl::EqualsIgnoreCase(header, name)) return value;
  }
  return "";
}

nlohmann::json RestAnswer::Json() const {
  const std::string length = Header(kJsonLength);
  const std::string text =
      length.empty() ? body : body.substr(0, std::stoul(length));
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string RestAnswer::Tensors() const {
  const std::string length = Header(kJsonLength);
  return length.empty() ? "" : body.substr(std::stoul(length));
}

std::string RestAnswer::Error() const {
  const nlohmann::json json = Json();
  return json.is_object() ? json.value("error", "") : "";
}

RestAnswer Ask(RestService& service, std::shared_ptr<http::Request> request) {
  std::promise<RestAnswer> done;
  service.Handle(std::move(request), [&done](const http::Response& response) {
    RestAnswer answer{.status = response.status, .headers = response.headers};
    for (const http::Piece& piece : response.body) {
      answer.body.append(reinterpret_cast<const char*>(piece.data), piece.size);
    }
    done.set_value(std::move(answer));
  });
  return done.get_future().get();
}

}  // namespace attention::oip
