// The shape of a tensor.
#ifndef CORE_TENSOR_SHAPE_H_
#define CORE_TENSOR_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace attention {

// Dimensions, outermost first. An empty shape is a scalar.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  std::int64_t operator[](int axis) const { return dims_[axis]; }
  const std::vector<std::int64_t>& dims() const { return dims_; }

  // Product of the dimensions. InvalidArgument when a dimension is negative or
  // the product of those that are not zero does not fit 63 bits.
  absl::StatusOr<std::int64_t> ElementCount() const;

  // "[2, 7, 384]".
  std::string ToString() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::vector<std::int64_t> dims_;
};

}  // namespace attention

#endif  // CORE_TENSOR_SHAPE_H_
