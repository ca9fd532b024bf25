// Bodies that clients have compressed.
#ifndef SERVER_HTTP_CONTENT_DECODER_H_
#define SERVER_HTTP_CONTENT_DECODER_H_

#include <cstddef>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/inflater.h"
#include "server/http/request_body.h"

namespace attention::http {

// Not thread-safe.
class ContentDecoder {
 public:
  // For a Content-Encoding: "gzip", or "deflate", which is zlib's format. Null
  // when there is nothing to decode: "" and "identity". Unimplemented for all
  // others.
  static absl::StatusOr<std::unique_ptr<ContentDecoder>> Create(
      absl::string_view encoding);

  // Appends what `data` stands for. InvalidArgument when that is not in the
  // encoding, and the errors of `body`.
  absl::Status Decode(std::span<const std::byte> data, RequestBody& body);

  // After the last data: InvalidArgument when some is missing.
  absl::Status Finish() const;

 private:
  explicit ContentDecoder(std::unique_ptr<Inflater> inflater);

  const std::unique_ptr<Inflater> inflater_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_CONTENT_DECODER_H_
