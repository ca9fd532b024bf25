// Requests of the protocol over HTTP for tests, as a listener hands them over,
// and what is answered to them.
#ifndef TESTS_SERVER_REST_REST_REQUESTS_H_
#define TESTS_SERVER_REST_REST_REQUESTS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "server/http/http_listener.h"
#include "server/rest/rest_service.h"

namespace attention::oip {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// From 127.0.0.1, whose client stays.
std::shared_ptr<http::Request> MakeHttpRequest(const std::string& method,
                                               const std::string& path,
                                               const std::string& body = "",
                                               const HttpHeaders& headers = {});

// The same for `json` and `tensors` behind it.
std::shared_ptr<http::Request> MakeBinaryRequest(const std::string& path,
                                                 const std::string& json,
                                                 const std::string& tensors);

// An answer with its body in one piece.
struct RestAnswer {
  int status = 0;
  HttpHeaders headers{};
  std::string body{};

  // "" when there is none.
  std::string Header(const std::string& name) const;
  // The body, or what is in front of its tensors; discarded when that is none.
  nlohmann::json Json() const;
  // What is behind that.
  std::string Tensors() const;
  // The text of an error.
  std::string Error() const;
};

// Waits for the answer.
RestAnswer Ask(RestService& service, std::shared_ptr<http::Request> request);

}  // namespace attention::oip

#endif  // TESTS_SERVER_REST_REST_REQUESTS_H_
