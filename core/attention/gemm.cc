#include "core/attention/gemm.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/aligned_buffer.h"
#include "core/base/mutex.h"
#include "dnnl.hpp"

namespace attention {
namespace {

using Dims = dnnl::memory::dims;
constexpr auto kF32 = dnnl::memory::data_type::f32;

// brgemm gives a row the same bits at every place and for every number of
// rows; 16 keeps the number of compiled shapes small. gemm:jit treats the last
// rows after a multiple of six differently, and so, at some widths, those
// around its middle; not where their number is a multiple of twelve.
constexpr std::int64_t kBrgemmRowMultiple = 16;
constexpr std::int64_t kJitRowMultiple = 12;

// Compiled products that are kept; one takes about 58 KiB. A model needs some
// dozens: rows are padded to 16 or 12 and at most 264 at once. Models come and
// go, so all are dropped when a map is full: what is in use lives on, and what
// is needed again costs its compilation once more, 0.2 to 0.5 ms.
constexpr std::size_t kMaxProducts = 1024;

const dnnl::engine& CpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// oneDNN freezes OpenMP's thread count into what it compiles.
class SingleThreaded {
 public:
  SingleThreaded() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThreaded() { omp_set_num_threads(before_); }
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  const int before_;
};

dnnl::memory::data_type TypeOf(DType dtype) {
  return dtype == DType::kBF16 ? dnnl::memory::data_type::bf16 : kF32;
}

dnnl::memory::desc RowMajor(std::int64_t rows, std::int64_t columns,
                            DType dtype) {
  return {Dims{rows, columns}, TypeOf(dtype), Dims{columns, 1}};
}

absl::Status ToStatus(const std::exception& error) {
  const auto* of_onednn = dynamic_cast<const dnnl::error*>(&error);
  const bool out_of_memory =
      of_onednn != nullptr
          ? of_onednn->status == dnnl_out_of_memory
          : dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  const std::string message = absl::StrCat("oneDNN: ", error.what());
  return out_of_memory ? absl::ResourceExhaustedError(message)
                       : absl::InternalError(message);
}

dnnl::matmul::primitive_desc Describe(const dnnl::memory::desc& a,
                                      const dnnl::memory::desc& b,
                                      const dnnl::memory::desc* bias,
                                      const dnnl::memory::desc& c) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  return bias != nullptr
             ? dnnl::matmul::primitive_desc(CpuEngine(), a, b, *bias, c, attr)
             : dnnl::matmul::primitive_desc(CpuEngine(), a, b, c, attr);
#else
  return bias != nullptr
             ? dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, *bias, c),
                                            attr, CpuEngine())
             : dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), attr,
                                            CpuEngine());
#endif
}

// A compiled product. Thread-safe: its scratchpad is the caller's.
struct Compiled {
  explicit Compiled(const dnnl::matmul::primitive_desc& desc)
      : primitive(desc),
        a(desc.src_desc()),
        c(desc.dst_desc()),
        scratchpad(desc.scratchpad_desc()) {}

  dnnl::matmul primitive;
  dnnl::memory::desc a;
  dnnl::memory::desc c;
  dnnl::memory::desc scratchpad;
};

// What a compiled product is found by. Matrices of one shape have one format.
struct Key {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool has_bias = false;
  DType dtype = DType::kF32;  // of a and b
  DType c_dtype = DType::kF32;

  friend bool operator==(const Key&, const Key&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Key& key) {
    return H::combine(std::move(state), key.m, key.n, key.k, key.has_bias,
                      key.dtype, key.c_dtype);
  }
};

using CompiledPtr = std::shared_ptr<const Compiled>;

// The products that the process has compiled. Thread-safe.
class Products {
 public:
  // `describe` is called when the product is new.
  template <typename DescribeProduct>
  CompiledPtr Get(const Key& key, const DescribeProduct& describe) {
    CompiledPtr compiled = Find(key);
    if (compiled != nullptr) return compiled;
    // Not under the lock, or all workers would wait. Two may compile the same.
    return Insert(key, std::make_shared<const Compiled>(describe()));
  }

 private:
  CompiledPtr Find(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    const auto found = products_.find(key);
    return found != products_.end() ? found->second : nullptr;
  }

  // The first of a key stays.
  CompiledPtr Insert(const Key& key, const CompiledPtr& compiled)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    // Destroyed after the lock is free.
    absl::flat_hash_map<Key, CompiledPtr> dropped;
    const MutexLock lock(mutex_);
    if (products_.size() >= kMaxProducts) products_.swap(dropped);
    return products_.try_emplace(key, compiled).first->second;
  }

  Mutex mutex_;
  absl::flat_hash_map<Key, CompiledPtr> products_ ABSL_GUARDED_BY(mutex_);
};

Products& SharedProducts() {
  // Never destroyed: workers may outlive static destruction.
  static auto& products = *new Products;
  return products;
}

absl::string_view NameOf(dnnl::cpu_isa isa) {
  switch (isa) {
#if DNNL_VERSION_MAJOR >= 3
    case dnnl::cpu_isa::isa_default:
      return "generic";
    case dnnl::cpu_isa::avx2_vnni_2:
      return "avx2_vnni_2";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "avx512_core_fp16";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "avx512_core_amx_fp16";
#else
    case dnnl::cpu_isa::all:
      return "generic";
#endif
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return "unknown";
  }
}

}  // namespace

std::string GemmIsaName() {
  return absl::StrCat(NameOf(dnnl::get_effective_cpu_isa()), " (oneDNN ",
                      DNNL_VERSION_MAJOR, ".", DNNL_VERSION_MINOR, ".",
                      DNNL_VERSION_PATCH, ")");
}

bool GemmHasBf16() {
  // A set of instructions holds the bits of all that it includes.
  constexpr auto kNeeded = static_cast<unsigned>(dnnl_cpu_isa_avx512_core_bf16);
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (isa & kNeeded) == kNeeded;
}

bool LimitGemmIsa(GemmIsa isa) {
  return dnnl::set_max_cpu_isa(isa == GemmIsa::kAvx2
                                   ? dnnl::cpu_isa::avx2
                                   : dnnl::cpu_isa::avx512_core) ==
         dnnl::status::success;
}

class PackedMatrix::Impl {
 public:
  Impl(std::int64_t k, std::int64_t n, DType dtype, const float* weight,
       const float* bias, Slab& slab)
      : k_(k),
        n_(n),
        dtype_(dtype),
        bias_desc_(RowMajor(1, n, DType::kF32)),
        has_bias_(bias != nullptr) {
    const SingleThreaded single_threaded;
    const dnnl::memory::desc any(Dims{k, n}, TypeOf(dtype),
                                 dnnl::memory::format_tag::any);
    // 96 is a multiple of every row multiple; the format depends neither on it
    // nor on the type of the product.
    const auto desc = Describe(RowMajor(96, k, dtype), any, bias_desc_if_any(),
                               RowMajor(96, n, DType::kF32));
    b_desc_ = desc.weights_desc();
    row_multiple_ = absl::StartsWith(desc.impl_info_str(), "brg")
                        ? kBrgemmRowMultiple
                        : kJitRowMultiple;

    data_ = slab.Take(b_desc_.get_size());
    b_ = dnnl::memory(b_desc_, CpuEngine(), data_.get());
    dnnl::memory source({Dims{k, n}, kF32, Dims{1, k}}, CpuEngine(),
                        const_cast<float*>(weight));
    dnnl::stream stream(CpuEngine());
    dnnl::reorder(source, b_).execute(stream, source, b_);
    if (has_bias_) {
      bias_data_ = slab.Take(bias_desc_.get_size());
      std::copy_n(bias, n, reinterpret_cast<float*>(bias_data_.get()));
      bias_ = dnnl::memory(bias_desc_, CpuEngine(), bias_data_.get());
    }
    stream.wait();
  }

  std::int64_t k() const { return k_; }
  std::int64_t n() const { return n_; }
  DType dtype() const { return dtype_; }
  std::int64_t row_multiple() const { return row_multiple_; }
  const dnnl::memory& b() const { return b_; }
  const dnnl::memory* bias() const { return has_bias_ ? &bias_ : nullptr; }

  dnnl::matmul::primitive_desc DescribeProduct(std::int64_t m,
                                               DType c_dtype) const {
    return Describe(RowMajor(m, k_, dtype_), b_desc_, bias_desc_if_any(),
                    RowMajor(m, n_, c_dtype));
  }

 private:
  const dnnl::memory::desc* bias_desc_if_any() const {
    return has_bias_ ? &bias_desc_ : nullptr;
  }

  const std::int64_t k_;
  const std::int64_t n_;
  const DType dtype_;
  const dnnl::memory::desc bias_desc_;
  const bool has_bias_;
  std::int64_t row_multiple_ = 1;
  dnnl::memory::desc b_desc_;
  std::shared_ptr<std::byte> data_;
  std::shared_ptr<std::byte> bias_data_;
  dnnl::memory b_;
  dnnl::memory bias_;
};

PackedMatrix::PackedMatrix(std::shared_ptr<const Impl> impl)
    : impl_(std::move(impl)) {}

absl::StatusOr<PackedMatrix> PackedMatrix::Create(std::int64_t k,
                                                  std::int64_t n, DType dtype,
                                                  const float* weight,
                                                  const float* bias,
                                                  Slab& slab) {
  try {
    return PackedMatrix(
        std::make_shared<Impl>(k, n, dtype, weight, bias, slab));
  } catch (const std::exception& error) {
    return ToStatus(error);
  }
}

std::int64_t PackedMatrix::k() const { return impl_->k(); }
std::int64_t PackedMatrix::n() const { return impl_->n(); }
DType PackedMatrix::dtype() const { return impl_->dtype(); }
std::int64_t PackedMatrix::row_multiple() const {
  return impl_->row_multiple();
}

class GemmRunner::Impl {
 public:
  Impl() : stream_(CpuEngine()) { omp_set_num_threads(1); }

  absl::Status Multiply(std::int64_t m, const std::byte* a,
                        const PackedMatrix& b, DType c_dtype, std::byte* c) {
    const PackedMatrix::Impl& matrix = b.impl();
    const Key key{.m = m,
                  .n = matrix.n(),
                  .k = matrix.k(),
                  .has_bias = matrix.bias() != nullptr,
                  .dtype = matrix.dtype(),
                  .c_dtype = c_dtype};
    try {
      Bound& bound =
          Bind(key, [&] { return matrix.DescribeProduct(m, c_dtype); });
      return Execute(bound, a, matrix.b(), matrix.bias(), c);
    } catch (const std::exception& error) {
      return ToStatus(error);
    }
  }

 private:
  // A compiled product with memory objects that only this thread touches.
  struct Bound {
    CompiledPtr compiled;
    dnnl::memory a;
    dnnl::memory c;
    dnnl::memory scratchpad;
  };

  // Valid until the next call.
  template <typename DescribeProduct>
  Bound& Bind(const Key& key, const DescribeProduct& describe) {
    const auto found = bound_.find(key);
    if (found != bound_.end()) return *found->second;
    auto made = std::make_unique<Bound>();
    made->compiled = SharedProducts().Get(key, describe);
    const Compiled& compiled = *made->compiled;
    made->a = dnnl::memory(compiled.a, CpuEngine(), nullptr);
    made->c = dnnl::memory(compiled.c, CpuEngine(), nullptr);
    made->scratchpad = dnnl::memory(compiled.scratchpad, CpuEngine(), nullptr);
    if (bound_.size() >= kMaxProducts) bound_.clear();
    return *bound_.try_emplace(key, std::move(made)).first->second;
  }

  // The C interface: the C++ one makes a map and a vector for every call.
  absl::Status Execute(Bound& bound, const std::byte* a, const dnnl::memory& b,
                       const dnnl::memory* bias, std::byte* c) {
    scratchpad_.Reserve(bound.compiled->scratchpad.get_size());
    bound.a.set_data_handle(const_cast<std::byte*>(a));
    bound.c.set_data_handle(c);
    bound.scratchpad.set_data_handle(scratchpad_.bytes());
    std::array<dnnl_exec_arg_t, 5> args{{
        {DNNL_ARG_SRC, bound.a.get()},
        {DNNL_ARG_WEIGHTS, b.get()},
        {DNNL_ARG_DST, bound.c.get()},
        {DNNL_ARG_SCRATCHPAD, bound.scratchpad.get()},
        {DNNL_ARG_BIAS, bias != nullptr ? bias->get() : nullptr},
    }};
    const dnnl_status_t status =
        dnnl_primitive_execute(bound.compiled->primitive.get(), stream_.get(),
                               bias != nullptr ? 5 : 4, args.data());
    if (status != dnnl_success) {
      return absl::InternalError(
          absl::StrCat("oneDNN: matmul failed with status ", status));
    }
    return absl::OkStatus();
  }

  dnnl::stream stream_;
  AlignedBuffer scratchpad_;
  absl::flat_hash_map<Key, std::unique_ptr<Bound>> bound_;
};

GemmRunner::GemmRunner() : impl_(std::make_unique<Impl>()) {}
GemmRunner::~GemmRunner() = default;

absl::Status GemmRunner::Multiply(std::int64_t m, const std::byte* a,
                                  const PackedMatrix& b, DType c_dtype,
                                  std::byte* c) {
  return impl_->Multiply(m, a, b, c_dtype, c);
}

}  // namespace attention
