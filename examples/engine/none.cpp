// SPDX-License-Identifier: MIT
/// --backend cuda in a build without scoresde::cuda.
#include <scoresde/error.hpp>

#include "engine/engine.hpp"

namespace programs {
namespace {

[[noreturn]] void reject() {
  throw scoresde::Error(
      "--backend cuda: this program was built without scoresde::cuda, which needs nvcc and cuDNN "
      "(docs/building.md); use --backend cpu");
}

}  // namespace

void train_on_device(const TrainOptions&, const scoresde::nn::Preset&) { reject(); }
void sample_on_device(const SampleOptions&, const scoresde::Metadata&) { reject(); }
void likelihood_on_device(const LikelihoodOptions&, const scoresde::Metadata&) { reject(); }
void edit_on_device(const EditOptions&, const scoresde::Metadata&) { reject(); }
void evaluate_on_device(const EvaluateOptions&, const EvaluationInput&) { reject(); }

}  // namespace programs
