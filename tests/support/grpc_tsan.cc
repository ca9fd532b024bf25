// Shows ThreadSanitizer how gRPC hands things from one thread to another: by
// abseil's locks, and from the start of an operation to its completion.
//
// Debian's gRPC and abseil are not built with ThreadSanitizer, and all that
// passes through them looks like a race. An executable that is linked with
// this file has the functions below called from every library; they tell the
// sanitizer and call those of gRPC and abseil.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/base/options.h"
#include "absl/synchronization/mutex.h"

namespace {

template <typename Function>
Function* Next(const std::string& symbol) {
  void* const found = dlsym(RTLD_NEXT, symbol.c_str());
  if (found == nullptr) {
    std::fprintf(stderr, "grpc_tsan: there is no %s\n", symbol.c_str());
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

#define ATTENTION_TEXT_OF(name) #name
#define ATTENTION_TEXT(name) ATTENTION_TEXT_OF(name)

// `name` as the compiler writes it after the namespace.
template <typename Function>
Function* NextOfAbsl(const std::string& name) {
  const std::string version = ATTENTION_TEXT(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  return Next<Function>("_ZN4absl" + std::to_string(version.size()) + version +
                        name);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const next = NextOfAbsl<void(Mutex*)>("5Mutex4LockEv");
  next(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static auto* const next = NextOfAbsl<void(Mutex*)>("5Mutex6UnlockEv");
  __tsan_release(this);
  next(this);
}

bool Mutex::TryLock() {
  static auto* const next = NextOfAbsl<bool(Mutex*)>("5Mutex7TryLockEv");
  const bool locked = next(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

bool CondVar::WaitCommon(Mutex* mutex,
                         synchronization_internal::KernelTimeout timeout) {
  using Wait = bool(CondVar*, Mutex*, synchronization_internal::KernelTimeout);
  static auto* const next = NextOfAbsl<Wait>(
      "7CondVar10WaitCommonEPNS0_5MutexE"
      "NS0_24synchronization_internal13KernelTimeoutE");
  __tsan_release(mutex);
  const bool timed_out = next(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops,
                                      size_t nops, void* tag, void* reserved) {
  static auto* const next =
      Next<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
  __tsan_release(tag);
  return next(call, ops, nops, tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* cq,
                                      gpr_timespec deadline, void* reserved) {
  static auto* const next =
      Next<decltype(grpc_completion_queue_next)>("grpc_completion_queue_next");
  const grpc_event event = next(cq, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* cq, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  static auto* const next = Next<decltype(grpc_completion_queue_pluck)>(
      "grpc_completion_queue_pluck");
  const grpc_event event = next(cq, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

}  // extern "C"
