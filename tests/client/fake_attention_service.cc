// A server that answers as a test tells it to, without any arithmetic.
#include "tests/client/fake_attention_service.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <limits>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "attention/v1/attention.grpc.pb.h"

namespace attention {
namespace {

constexpr int kHeads = 2;

void FillModel(const std::string& name, v1::Model* model) {
  model->set_name(name);
  model->set_max_tokens(65536);
  model->add_masks(v1::MASK_KIND_BOOLEAN);
  model->add_masks(v1::MASK_KIND_CAUSAL);
  if (name != "sdpa") {
    model->set_embed_dim(384);
    model->set_kdim(384);
    model->set_vdim(384);
    model->set_num_heads(kHeads);
    model->set_num_kv_heads(kHeads);
    model->set_head_dim(192);
    model->set_v_head_dim(192);
    model->set_dtype(v1::DTYPE_F16);
    model->set_compute_dtype(v1::DTYPE_BF16);
    model->set_parameter_bytes(1182720);
  }
}

bool Known(const std::string& name) {
  return name == "sdpa" || name == "minilm/0";
}

void AppendUniformRows(std::int64_t rows, std::int64_t keys,
                       std::string* data) {
  const std::vector<float> row(keys, 1.0F / static_cast<float>(keys));
  for (std::int64_t i = 0; i < rows; ++i) {
    data->append(reinterpret_cast<const char*>(row.data()),
                 row.size() * sizeof(float));
  }
}

// Self-attention only: what the tests of the client ask for.
void FillWeights(const v1::AttendRequest& request, v1::Tensor* weights) {
  weights->set_dtype(v1::DTYPE_F32);
  const bool per_head = request.attn_weights() == v1::ATTN_WEIGHTS_PER_HEAD;
  const std::int64_t heads = per_head ? kHeads : 1;
  const auto& shape = request.queries().shape();
  if (shape.size() == 2) {
    for (const std::int64_t length : request.q_lengths()) {
      AppendUniformRows(heads * length, length, weights->mutable_data());
    }
    weights->add_shape(
        static_cast<std::int64_t>(weights->data().size() / sizeof(float)));
    return;
  }
  weights->add_shape(shape[0]);
  if (per_head) {
    weights->add_shape(heads);
  }
  weights->add_shape(shape[1]);
  weights->add_shape(shape[1]);
  AppendUniformRows(shape[0] * heads * shape[1], shape[1],
                    weights->mutable_data());
}

}  // namespace

class FakeAttentionService::Impl final : public v1::AttentionService::Service {
 public:
  Impl() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.SetMaxReceiveMessageSize(-1);
    // As in the client: probing can hold a message back for ten seconds.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  ~Impl() override {
    Release();
    server_->Shutdown();
  }

  grpc::Status Attend(grpc::ServerContext* /*context*/,
                      const v1::AttendRequest* request,
                      v1::AttendResponse* response) override {
    std::unique_lock lock(mutex_);
    ++attend_calls_;
    last_request_ = *request;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    if (failures_ > 0) {
      --failures_;
      return {static_cast<grpc::StatusCode>(failure_.code()),
              std::string(failure_.message())};
    }
    if (!Known(request->model())) {
      return {grpc::StatusCode::NOT_FOUND,
              absl::StrCat("there is no model ", request->model())};
    }
    response->set_id(request->id());
    *response->mutable_contexts() = request->queries();
    if (lie_) {
      response->mutable_contexts()->add_shape(7);
    }
    if (request->attn_weights() != v1::ATTN_WEIGHTS_NONE) {
      FillWeights(*request, response->mutable_attn_weights());
    }
    v1::Timing* timing = response->mutable_timing();
    timing->set_queue_us(12);
    timing->set_compute_us(345);
    timing->set_batch_requests(1);
    timing->set_batch_tokens(6);
    return grpc::Status::OK;
  }

  grpc::Status ListModels(grpc::ServerContext* /*context*/,
                          const v1::ListModelsRequest* /*request*/,
                          v1::ListModelsResponse* response) override {
    FillModel("sdpa", response->add_models());
    FillModel("minilm/0", response->add_models());
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext* /*context*/,
                        const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override {
    if (!Known(request->name())) {
      return {grpc::StatusCode::NOT_FOUND,
              absl::StrCat("there is no model ", request->name())};
    }
    FillModel(request->name(), response->mutable_model());
    return grpc::Status::OK;
  }

  grpc::Status GetServerInfo(grpc::ServerContext* /*context*/,
                             const v1::GetServerInfoRequest* /*request*/,
                             v1::GetServerInfoResponse* response) override {
    const std::lock_guard lock(mutex_);
    ++info_calls_;
    response->set_version("9.8.7");
    response->set_cpu("Fake CPU");
    response->set_isa("fake_isa");
    response->set_workers(3);
    response->add_compute_dtypes(v1::DTYPE_F32);
    response->add_compute_dtypes(v1::DTYPE_BF16);
    v1::Limits* limits = response->mutable_limits();
    limits->set_max_request_bytes(max_request_bytes_);
    limits->set_max_batch_bytes(101);
    limits->set_max_inflight_bytes(102);
    limits->set_max_heads(103);
    limits->set_max_head_dim(104);
    limits->set_max_stream_requests(105);
    limits->set_priority_levels(106);
    return grpc::Status::OK;
  }

  void Release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  int attend_calls_ = 0;
  int info_calls_ = 0;
  int failures_ = 0;
  absl::Status failure_;
  bool held_ = false;
  bool lie_ = false;
  std::int64_t max_request_bytes_ = std::numeric_limits<int>::max();
  v1::AttendRequest last_request_;
};

FakeAttentionService::FakeAttentionService()
    : impl_(std::make_unique<Impl>()) {}
FakeAttentionService::~FakeAttentionService() = default;

const std::string& FakeAttentionService::address() const {
  return impl_->address_;
}

void FakeAttentionService::FailNext(int count, const absl::Status& status) {
  const std::lock_guard lock(impl_->mutex_);
  impl_->failures_ = count;
  impl_->failure_ = status;
}

void FakeAttentionService::Hold() {
  const std::lock_guard lock(impl_->mutex_);
  impl_->held_ = true;
}

void FakeAttentionService::Release() { impl_->Release(); }

void FakeAttentionService::SetMaxRequestBytes(std::int64_t bytes) {
  const std::lock_guard lock(impl_->mutex_);
  impl_->max_request_bytes_ = bytes;
}

void FakeAttentionService::LieAboutShape() {
  const std::lock_guard lock(impl_->mutex_);
  impl_->lie_ = true;
}

void FakeAttentionService::SetServing(bool serving) {
  impl_->server_->GetHealthCheckService()->SetServingStatus(serving);
}

int FakeAttentionService::attend_calls() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->attend_calls_;
}

int FakeAttentionService::info_calls() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->info_calls_;
}

void FakeAttentionService::WaitForAttendCalls(int count) const {
  std::unique_lock lock(impl_->mutex_);
  impl_->changed_.wait(lock, [&] { return impl_->attend_calls_ >= count; });
}

v1::AttendRequest FakeAttentionService::last_request() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->last_request_;
}

}  // namespace attention
