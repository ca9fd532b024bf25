#include "server/http/content_decoder.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention::http {

absl::StatusOr<std::unique_ptr<ContentDecoder>> ContentDecoder::Create(
    absl::string_view encoding) {
  if (encoding.empty() || absl::EqualsIgnoreCase(encoding, "identity")) {
    return nullptr;
  }
  const bool gzip = absl::EqualsIgnoreCase(encoding, "gzip") ||
                    absl::EqualsIgnoreCase(encoding, "x-gzip");
  if (!gzip && !absl::EqualsIgnoreCase(encoding, "deflate")) {
    return absl::UnimplementedError(
        absl::StrCat("Content-Encoding: ", absl::CHexEscape(encoding),
                     " is not known; send gzip, deflate or no encoding"));
  }
  ATTENTION_ASSIGN_OR_RETURN(
      std::unique_ptr<Inflater> inflater,
      Inflater::Create(gzip ? Inflater::Format::kGzip
                            : Inflater::Format::kDeflate));
  return std::unique_ptr<ContentDecoder>(
      new ContentDecoder(std::move(inflater)));
}

ContentDecoder::ContentDecoder(std::unique_ptr<Inflater> inflater)
    : inflater_(std::move(inflater)) {}

absl::Status ContentDecoder::Decode(std::span<const std::byte> data,
                                    RequestBody& body) {
  bool filled = false;  // There may be more for which there was no room.
  while (!data.empty() || filled) {
    ATTENTION_ASSIGN_OR_RETURN(const std::span<std::byte> room, body.Room());
    ATTENTION_ASSIGN_OR_RETURN(const std::size_t bytes,
                               inflater_->Inflate(data, room));
    filled = !inflater_->at_end() && bytes == room.size();
    ATTENTION_RETURN_IF_ERROR(body.Commit(bytes));
  }
  return absl::OkStatus();
}

absl::Status ContentDecoder::Finish() const {
  if (inflater_->at_end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "body: ends before what was compressed does");
}

}  // namespace attention::http
