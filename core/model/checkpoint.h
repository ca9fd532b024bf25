// The tensors of a model, whichever files they are in; private to the loader.
#ifndef CORE_MODEL_CHECKPOINT_H_
#define CORE_MODEL_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/safetensors.h"
#include "core/tensor/tensor_view.h"

namespace attention {

// A dimension that may be any positive number.
inline constexpr std::int64_t kAnyDim = -1;

// One safetensors file, or several that an index joins. The views point into
// the mappings, which `storage` keeps alive. Thread-safe.
class Checkpoint {
 public:
  // A single file.
  static absl::StatusOr<Checkpoint> Open(const std::string& path);

  // What model.safetensors.index.json at `path` lists. InvalidArgument or
  // NotFound when a shard is missing, lies outside the index's directory, or
  // lacks a tensor.
  static absl::StatusOr<Checkpoint> OpenSharded(const std::string& path);

  // A file in memory, called `name` in messages.
  static absl::StatusOr<Checkpoint> Parse(const std::string& name,
                                          std::span<const std::byte> bytes);

  struct Entry {
    TensorView view{};
    std::string file{};
  };
  const std::map<std::string, Entry, std::less<>>& tensors() const {
    return tensors_;
  }
  bool Has(absl::string_view name) const { return tensors_.contains(name); }

  // The tensor, which must be floating and of the given dimensions; kAnyDim
  // fits any but zero. NotFound or InvalidArgument with the file and the name.
  absl::StatusOr<TensorView> Get(absl::string_view name,
                                 const std::vector<std::int64_t>& dims) const;

  // Strings of the metadata; empty for a sharded checkpoint.
  const std::map<std::string, std::string, std::less<>>& metadata() const {
    return metadata_;
  }
  // The file, or the index.
  const std::string& path() const { return path_; }
  const std::shared_ptr<const void>& storage() const { return storage_; }

 private:
  Checkpoint() = default;

  static Checkpoint FromSingleFile(const std::string& path, Safetensors file);

  std::string path_;
  std::map<std::string, Entry, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
  std::shared_ptr<const void> storage_;
};

}  // namespace attention

#endif  // CORE_MODEL_CHECKPOINT_H_
