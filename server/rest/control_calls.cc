#include "server/rest/control_calls.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/inference/describe_model.h"
#include "server/inference/describe_server.h"
#include "server/inference/log_settings.h"
#include "server/inference/not_served.h"
#include "server/inference/repository.h"
#include "server/inference/statistics.h"
#include "server/rest/answers.h"
#include "server/rest/json_body.h"
#include "server/rest/json_fields.h"
#include "server/rest/message_json.h"

namespace attention::oip {
namespace {

absl::StatusOr<nlohmann::json> ReadBody(const http::Request& request) {
  return ParseJsonBody(absl::string_view(
      reinterpret_cast<const char*>(request.body), request.body_size));
}

// The JSON, or the error.
http::Response Answer(const absl::StatusOr<Json>& json) {
  if (!json.ok()) return ErrorAnswer(json.status());
  return JsonAnswer(json->dump(-1, ' ', false, Json::error_handler_t::replace));
}

// Asks `describe`, one of the functions that gRPC asks too.
template <typename WireRequest, typename WireResponse>
absl::StatusOr<WireResponse> Describe(
    const InferenceContext& context, const Route& route,
    absl::Status (*describe)(const InferenceContext&, const WireRequest&,
                             WireResponse&)) {
  WireRequest request;
  request.set_name(route.name);
  request.set_version(route.version);
  WireResponse response;
  ATTENTION_RETURN_IF_ERROR(describe(context, request, response));
  return response;
}

// Triton says by 400 that somebody is not ready; `yes` is the protocol's answer
// when it is.
absl::StatusOr<Json> Ready(bool ready, absl::string_view who, Json yes) {
  if (ready) return yes;
  return absl::FailedPreconditionError(absl::StrCat(who, " not ready"));
}

absl::StatusOr<Json> ModelReady(const InferenceContext& context,
                                const Route& route) {
  ATTENTION_ASSIGN_OR_RETURN(const auto response,
                             Describe(context, route, DescribeReady));
  return Ready(response.ready(), "Model version",
               {{"name", route.name}, {"ready", true}});
}

absl::StatusOr<Json> ModelMetadata(const InferenceContext& context,
                                   const Route& route) {
  ATTENTION_ASSIGN_OR_RETURN(const auto response,
                             Describe(context, route, DescribeMetadata));
  return ToJson(response);
}

absl::StatusOr<Json> ModelConfig(const InferenceContext& context,
                                 const Route& route) {
  ATTENTION_ASSIGN_OR_RETURN(const auto response,
                             Describe(context, route, DescribeConfig));
  return ToJson(response.config());
}

absl::StatusOr<Json> ModelStatistics(const InferenceContext& context,
                                     const Route& route) {
  ATTENTION_ASSIGN_OR_RETURN(const auto response,
                             Describe(context, route, DescribeStatistics));
  return ToJson(response);
}

Json ServerMetadata(const InferenceContext& context) {
  ::inference::ServerMetadataResponse response;
  DescribeServerMetadata(context, response);
  return ToJson(response);
}

absl::StatusOr<Json> RepositoryIndex(const InferenceContext& context,
                                     const http::Request& request) {
  ATTENTION_ASSIGN_OR_RETURN(const nlohmann::json body, ReadBody(request));
  ATTENTION_ASSIGN_OR_RETURN(const auto ready,
                             JsonFields("body", body).Bool("ready"));
  ::inference::RepositoryIndexRequest index;
  index.set_ready(ready.value_or(false));
  ::inference::RepositoryIndexResponse response;
  DescribeRepository(context, index, response);
  return ToJson(response)["models"];
}

// The parameters of loading and unloading; loading refuses those that it has
// not.
template <typename WireRequest>
absl::StatusOr<WireRequest> RepositoryRequest(const Route& route,
                                              const http::Request& request) {
  WireRequest wire;
  wire.set_model_name(route.name);
  ATTENTION_ASSIGN_OR_RETURN(const nlohmann::json body, ReadBody(request));
  ATTENTION_ASSIGN_OR_RETURN(const JsonFields parameters,
                             JsonFields("body", body).Object("parameters"));
  Parameters read;
  ATTENTION_RETURN_IF_ERROR(parameters.ToParameters({}, read));
  for (const auto& [name, value] : read) {
    auto& to = (*wire.mutable_parameters())[name];
    if (value.has_bool_param()) {
      to.set_bool_param(value.bool_param());
    } else if (value.has_int64_param()) {
      to.set_int64_param(value.int64_param());
    } else {
      to.set_string_param(value.string_param());
    }
  }
  return wire;
}

absl::Status UnloadModel(const InferenceContext& context, const Route& route,
                         const http::Request& request) {
  ATTENTION_ASSIGN_OR_RETURN(
      const auto wire,
      RepositoryRequest<::inference::RepositoryModelUnloadRequest>(route,
                                                                   request));
  return UnloadModel(context, request.peer, wire);
}

absl::StatusOr<Json> RegionsStatus(const InferenceContext& context,
                                   const Route& route,
                                   const std::string& peer) {
  ATTENTION_ASSIGN_OR_RETURN(const auto regions,
                             context.RegionsFor(peer).Status(route.name));
  Json list = Json::array();
  for (const RegionStatus& region : regions) {
    list.push_back({{"name", region.name},
                    {"key", region.key},
                    {"offset", region.offset},
                    {"byte_size", region.byte_size}});
  }
  return list;
}

absl::Status Register(const InferenceContext& context, const Route& route,
                      const http::Request& request) {
  ATTENTION_ASSIGN_OR_RETURN(const nlohmann::json body, ReadBody(request));
  const JsonFields fields("body", body);
  ATTENTION_ASSIGN_OR_RETURN(const auto key, fields.String("key"));
  if (!key.has_value()) {
    return absl::InvalidArgumentError(
        "Shared memory register request has no 'key' field");
  }
  ATTENTION_ASSIGN_OR_RETURN(const auto offset, fields.Count("offset"));
  ATTENTION_ASSIGN_OR_RETURN(const auto byte_size, fields.Count("byte_size"));
  if (!byte_size.has_value()) {
    return absl::InvalidArgumentError(
        "Shared memory register request has no 'byte_size' field");
  }
  return context.RegionsFor(request.peer)
      .Register({.name = route.name,
                 .key = *key,
                 .offset = offset.value_or(0),
                 .byte_size = *byte_size});
}

// null leaves a setting as it is.
absl::StatusOr<::inference::LogSettingsRequest> ReadLogSettings(
    const http::Request& request) {
  ATTENTION_ASSIGN_OR_RETURN(const nlohmann::json body, ReadBody(request));
  ::inference::LogSettingsRequest settings;
  for (const auto& [name, value] : body.items()) {
    if (value.is_null()) continue;
    auto& setting = (*settings.mutable_settings())[name];
    if (value.is_boolean()) {
      setting.set_bool_param(value.get<bool>());
    } else if (value.is_string()) {
      setting.set_string_param(value.get<std::string>());
    } else if (value.is_number_unsigned() &&
               value.get<std::uint64_t>() <=
                   std::numeric_limits<std::uint32_t>::max()) {
      setting.set_uint32_param(value.get<std::uint32_t>());
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          Quote(name), ": must be true, false, a string or a number from 0"));
    }
  }
  return settings;
}

absl::StatusOr<Json> LogSettings(const InferenceContext& context,
                                 const http::Request& request) {
  ::inference::LogSettingsRequest settings;
  if (request.method == "POST") {
    ATTENTION_ASSIGN_OR_RETURN(settings, ReadLogSettings(request));
  }
  ::inference::LogSettingsResponse response;
  ATTENTION_RETURN_IF_ERROR(
      ApplyLogSettings(context, request.peer, settings, response));
  Json object = Json::object();
  for (const auto& [name, setting] : response.settings()) {
    const Json choice = ToJson(setting);
    if (!choice.empty()) object[name] = *choice.begin();
  }
  return object;
}

}  // namespace

http::Response AnswerControlCall(const InferenceContext& context,
                                 const Route& route,
                                 const http::Request& request) {
  switch (route.endpoint) {
    case Endpoint::kServerMetadata:
      return Answer(ServerMetadata(context));
    case Endpoint::kServerLive:
      return Answer(Json{{"live", true}});
    case Endpoint::kServerReady:
      return Answer(Ready(context.service.ready, "Server", {{"ready", true}}));
    case Endpoint::kModelMetadata:
      return Answer(ModelMetadata(context, route));
    case Endpoint::kModelReady:
      return Answer(ModelReady(context, route));
    case Endpoint::kModelConfig:
      return Answer(ModelConfig(context, route));
    case Endpoint::kModelStatistics:
      return Answer(ModelStatistics(context, route));
    case Endpoint::kRepositoryIndex:
      return Answer(RepositoryIndex(context, request));
    case Endpoint::kModelUnload:
      return EmptyAnswer(UnloadModel(context, route, request));
    case Endpoint::kRegionStatus:
      return Answer(RegionsStatus(context, route, request.peer));
    case Endpoint::kRegionRegister:
      return EmptyAnswer(Register(context, route, request));
    case Endpoint::kRegionUnregister:
      return EmptyAnswer(
          context.RegionsFor(request.peer).Unregister(route.name));
    // There is none to forget, and clients clear up before they begin.
    case Endpoint::kCudaUnregister:
      return EmptyAnswer(absl::OkStatus());
    case Endpoint::kCudaStatus:
    case Endpoint::kCudaRegister:
      return ErrorAnswer(NoCudaError());
    case Endpoint::kLogSettings:
      return Answer(LogSettings(context, request));
    case Endpoint::kModelTrace:
      return ErrorAnswer(NoTracesError());
    default:
      return ErrorAnswer(absl::UnimplementedError(
          "this server attends, it does not generate; POST to .../infer"));
  }
}

void StartModelLoad(const InferenceContext& context, const Route& route,
                    const http::Request& request, http::Respond respond) {
  const auto wire = RepositoryRequest<::inference::RepositoryModelLoadRequest>(
      route, request);
  if (!wire.ok()) {
    std::move(respond)(ErrorAnswer(wire.status()));
    return;
  }
  LoadModel(context, request.peer, *wire,
            [respond = std::move(respond)](const absl::Status& status) mutable {
              std::move(respond)(EmptyAnswer(status));
            });
}

}  // namespace attention::oip
