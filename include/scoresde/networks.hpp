// SPDX-License-Identifier: MIT
/// Includes everything in the core for building and training networks. Depends on the standard
/// library only; checkpoints, which require scoresde::io, are included separately. `python3
/// tests/checks/umbrella.py --write` updates this list.
#pragma once

#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/nn/activation_plan.hpp>
#include <scoresde/nn/backward_pass.hpp>
#include <scoresde/nn/class_conditional.hpp>
#include <scoresde/nn/cost.hpp>
#include <scoresde/nn/forward_pass.hpp>
#include <scoresde/nn/graph.hpp>
#include <scoresde/nn/guided_network.hpp>
#include <scoresde/nn/label_convention.hpp>
#include <scoresde/nn/layers/attention_block.hpp>
#include <scoresde/nn/layers/block_settings.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/layers/resampling.hpp>
#include <scoresde/nn/layers/residual_block.hpp>
#include <scoresde/nn/layers/time_embedding.hpp>
#include <scoresde/nn/mlp.hpp>
#include <scoresde/nn/network.hpp>
#include <scoresde/nn/ops.hpp>
#include <scoresde/nn/parameters.hpp>
#include <scoresde/nn/prepared_weights.hpp>
#include <scoresde/nn/presets.hpp>
#include <scoresde/nn/score_network.hpp>
#include <scoresde/nn/unet.hpp>
#include <scoresde/nn/unet_check.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/network_names.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/train/adam.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/ema.hpp>
#include <scoresde/train/gradient_norm.hpp>
#include <scoresde/train/held_out_loss.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/trainer.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>
