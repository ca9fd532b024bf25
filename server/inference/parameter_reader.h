// The parameters of a request or of one of its tensors, each with its type.
#ifndef SERVER_INFERENCE_PARAMETER_READER_H_
#define SERVER_INFERENCE_PARAMETER_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/map.h"
#include "inference/grpc_service.pb.h"

namespace attention::oip {

using Parameters =
    google::protobuf::Map<std::string, ::inference::InferParameter>;

// Every function gives nothing for a parameter that is absent, and
// InvalidArgument, naming whose parameter it is, for one of another type.
class ParameterReader {
 public:
  // `owner` is "request" or a tensor; `parameters` outlive the reader.
  ParameterReader(std::string owner, const Parameters& parameters)
      : owner_(std::move(owner)), parameters_(parameters) {}

  absl::StatusOr<std::optional<bool>> Bool(const std::string& name) const;
  // A whole number will do, and text that is a number.
  absl::StatusOr<std::optional<double>> Double(const std::string& name) const;
  // Of either sign on the wire, but not negative.
  absl::StatusOr<std::optional<std::uint64_t>> Count(
      const std::string& name) const;
  // The text lives as long as the parameters.
  absl::StatusOr<std::optional<absl::string_view>> String(
      const std::string& name) const;

  // InvalidArgument for the value of a parameter, with what it should be.
  absl::Status Refuse(absl::string_view name, absl::string_view value,
                      absl::string_view allowed) const;

 private:
  const ::inference::InferParameter* Find(const std::string& name) const;

  // Of a type that `name` does not take.
  absl::Status RefuseType(absl::string_view name,
                          const ::inference::InferParameter& parameter,
                          absl::string_view allowed) const;

  const std::string owner_;
  const Parameters& parameters_;
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_PARAMETER_READER_H_
