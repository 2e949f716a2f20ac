// SPDX-License-Identifier: MIT
/// Includes everything in the core for building and training networks. Depends on the standard
/// library only; checkpoints, which need scoresde::io, and samplers by name (registry/sampler_*),
/// which take time to compile, are included separately. `python3 tests/checks/umbrella.py --write`
/// updates this list.
#pragma once

#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/class_conditional.hpp>
#include <scoresde/model/guided.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/node_defaults.hpp>
#include <scoresde/nn/graph/nodes.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/layers/attention_block.hpp>
#include <scoresde/nn/layers/block_settings.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/layers/resampling.hpp>
#include <scoresde/nn/layers/residual_block.hpp>
#include <scoresde/nn/layers/time_embedding.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/nn/runtime/cost.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/gradient_norm.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/schedule.hpp>
#include <scoresde/optim/sgd.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/network_names.hpp>
#include <scoresde/registry/preset_list.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/held_out_loss.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/trainer.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>
