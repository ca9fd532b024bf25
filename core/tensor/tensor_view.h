// Tensors in memory that somebody else owns.
#ifndef CORE_TENSOR_TENSOR_VIEW_H_
#define CORE_TENSOR_TENSOR_VIEW_H_

#include <cstddef>

#include "core/tensor/dtype.h"
#include "core/tensor/fragments.h"
#include "core/tensor/shape.h"

namespace attention {

// A dense, row-major tensor. `data` need not be aligned; a tensor in pieces has
// `fragments` instead. Whoever makes the view has checked that the memory holds
// the whole shape.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape{};
  const std::byte* data = nullptr;
  const Fragments* fragments = nullptr;
};

}  // namespace attention

#endif  // CORE_TENSOR_TENSOR_VIEW_H_
