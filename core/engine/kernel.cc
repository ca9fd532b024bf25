#include "core/engine/kernel.h"

#include <utility>

#include "core/attention/arena_layout.h"
#include "core/attention/layer_batch.h"

namespace attention {
namespace {

class LayerProgram final : public TileProgram {
 public:
  explicit LayerProgram(LayerBatch batch) : batch_(std::move(batch)) {}

  const TileGraph& graph() const override { return batch_.plan().graph; }
  absl::Status RunTile(int tile, WorkerScratch& scratch) override {
    return batch_.RunTile(tile, scratch);
  }

 private:
  LayerBatch batch_;
};

class LayerKernel final : public Kernel {
 public:
  std::int64_t ArenaBytes(
      const Model* model, const AttentionSpec& spec,
      const std::vector<Sequence>& sequences) const override {
    return static_cast<std::int64_t>(sizeof(float)) *
           ArenaLanes(model != nullptr ? model->spec() : spec,
                      model != nullptr ? &model->layer() : nullptr, sequences);
  }

  std::unique_ptr<TileProgram> Plan(const Model* model,
                                    const AttentionSpec& spec,
                                    std::vector<Sequence> sequences,
                                    int num_workers,
                                    AlignedBuffer& arena) const override {
    return std::make_unique<LayerProgram>(
        LayerBatch(model != nullptr ? model->spec() : spec,
                   model != nullptr ? &model->layer() : nullptr,
                   std::move(sequences), num_workers, arena));
  }
};

}  // namespace

const Kernel& AttentionKernel() {
  static const LayerKernel kernel;
  return kernel;
}

}  // namespace attention
