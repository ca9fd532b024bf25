// What a worker thread computes with; made and used on that thread only.
#ifndef CORE_ATTENTION_WORKER_SCRATCH_H_
#define CORE_ATTENTION_WORKER_SCRATCH_H_

#include "core/attention/gemm.h"
#include "core/base/aligned_buffer.h"

namespace attention {

// Buffers grow to the largest tile that they have seen.
struct WorkerScratch {
  GemmRunner gemm;
  AlignedBuffer rows;      // gathered rows of a projection
  AlignedBuffer rounded;   // bf16 on its way into a product
  AlignedBuffer product;   // a projection's chunk
  AlignedBuffer scores;    // scores, then unnormalised weights of a block
  AlignedBuffer contexts;  // contexts of a block
  AlignedBuffer average;   // head average of a block
  AlignedBuffer state;     // shifts, sums and limits of the rows of a block
};

}  // namespace attention

#endif  // CORE_ATTENTION_WORKER_SCRATCH_H_
