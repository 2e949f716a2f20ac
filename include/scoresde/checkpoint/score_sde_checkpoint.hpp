// SPDX-License-Identifier: MIT
/// Checkpoints of score_sde_pytorch (`checkpoint_N.pth`): read strictly, and written.
///
///   {'optimizer': Adam's state, 'model': state_dict, 'ema': {'decay', 'num_updates',
///    'shadow_params': [tensor, …]}, 'step': n}
///
/// The parameters' names are this library's, with any of the prefixes `module.` (DataParallel) and
/// `_orig_mod.` (torch.compile); the model also has `sigmas`, the noise levels σ_max
/// (σ_min/σ_max)^(i/(N−1)) in float64. The averages have no names; their order is that of the
/// trainable parameters in this library's table. Adam's state is indexed by all parameters in that
/// order. (Layout of the code of Song et al. 2021, arXiv:2011.13456.)
///
/// Only the requested parts must be present: weights can be read from a file without averages, step
/// or optimizer, and from a state_dict alone. Objects of other classes are skipped.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/checkpoint/detail/score_sde_reader.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/torch_writer.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde {

/// The two sets of weights of a checkpoint: the last ones, or their moving average.
enum class ScoreSdeWeights : std::uint8_t { model, ema };

/// Whether the file has score_sde's layout: a key 'model', or the names of its parameters.
[[nodiscard]] inline bool is_score_sde_checkpoint(const io::TorchFile& file) {
  return file.root().find("model") || detail::is_score_sde_state_dict(file.root());
}

/// Whether the checkpoint has averages of its weights.
[[nodiscard]] inline bool score_sde_has_averages(const io::TorchFile& file) {
  return file.root().find("ema").has_value();
}

/// Number of updates of the checkpoint, if stated: 'step' is an integer, an integral float or a
/// tensor of one. Nothing for a foreign object. Throws Error for anything else.
[[nodiscard]] inline std::optional<std::uint64_t> score_sde_step(const io::TorchFile& file) {
  const auto found = file.root().find("step");
  if (!found || found->is(io::PickleKind::foreign)) return std::nullopt;
  std::optional<double> step;
  std::string what = found->description();
  try {
    step = detail::single_number(file, *found);
    if (step) what = scoresde::text(*step);
  } catch (const Error& failure) {
    what = failure.what();
  }
  constexpr double most = 9007199254740992;  // 2⁵³: doubles represent all integers up to it
  const bool whole = step && *step >= 0 && *step <= most && std::trunc(*step) == *step;
  require(whole, "score_sde checkpoint: 'step' is ", what,
          "; it must be a whole number of at least 0");
  return static_cast<std::uint64_t>(*step);
}

/// Whether the checkpoint has averages, step and Adam's moments, so that a run can resume from it;
/// with zero updates moments are not required.
[[nodiscard]] inline bool score_sde_can_resume(const io::TorchFile& file) {
  const auto step = score_sde_step(file);
  const auto optimizer = file.root().find("optimizer");
  const auto state = optimizer ? optimizer->find("state") : std::nullopt;
  return step && score_sde_has_averages(file) && state && state->is(io::PickleKind::dict) &&
         (state->size() > 0 || *step == 0);
}

/// Copies the weights for sampling to the flat buffer of the network's table; float32, float64,
/// float16 or bfloat16. Reading averages requires the model as well, which defines their order;
/// parameters that are not trained have no average. Returns the number of updates, 0 where the file
/// does not state it. Throws Error as io::TorchFile does, and with a list of all tensors that are
/// missing, unexpected, of another shape, not floating-point or not finite; `weights` is then
/// unchanged.
template <std::floating_point T>
std::uint64_t load_score_sde_weights(const io::TorchFile& file, const nn::UNetConfig& config,
                                     const nn::ParameterTable& table, ScoreSdeWeights which,
                                     std::span<T> weights) {
  require(weights.size() == table.size(), "score_sde weights: the buffer holds ", weights.size(),
          " scalars; the network's has ", table.size());
  const std::uint64_t step = score_sde_step(file).value_or(0);
  std::vector<T> flat(table.size());
  detail::ScoreSdeReader<T> reader(file, config, table);
  reader.read_model(flat);
  if (which == ScoreSdeWeights::ema) reader.read_averages(flat);
  reader.reject();
  std::copy(flat.begin(), flat.end(), weights.begin());
  return step;
}

/// The complete state of a run: weights, averages, Adam's moments, number of updates. Throws Error
/// as load_score_sde_weights does, and where the file does not state its step.
template <std::floating_point T>
[[nodiscard]] TrainingState<T> load_score_sde_run(const io::TorchFile& file,
                                                  const nn::UNetConfig& config,
                                                  const nn::ParameterTable& table) {
  auto state = TrainingState<T>::start(std::vector<T>(table.size()));
  detail::ScoreSdeReader<T> reader(file, config, table);
  const auto step = score_sde_step(file);
  require(step.has_value(),
          "score_sde checkpoint: there is no 'step' that is a number; resuming "
          "a run requires it");
  state.step = *step;
  reader.read_model(state.parameters);
  state.average = state.parameters;
  reader.read_averages(state.average);
  reader.read_moments(state.first_moment, state.second_moment, state.step);
  reader.reject();
  return state;
}

namespace detail {

/// Adds the fields of levels and attention that differ from score_sde's networks.
template <class Field>
void check_levels_of_score_sde(const nn::UNetConfig& c, const Field& field) {
  bool attends_up = false, same_levels = true, multiples = true, wide = true, one_head = true;
  for (std::size_t level = 0; level < c.levels(); ++level) {
    const std::size_t channels = c.channels(level);
    const bool last = level + 1 == c.levels(), up = c.attends_up(level),
               down = c.attends_down(level);
    attends_up |= up;
    same_levels &= up == down;
    multiples &= channels % c.nf == 0;
    wide &= channels >= 128;
    one_head &=
        c.attention_head_dim == 0 || c.attention_head_dim == channels || !(up || down || last);
  }
  const bool thirty_two =
      c.norm_num_groups == 32 && (c.architecture == nn::Architecture::ddpm || wide);
  field(multiples, "block_out_channels", c.block_out_channels, "multiples of nf");
  field(same_levels, "attn_up_resolutions", c.attn_up_resolutions, "attn_resolutions");
  field(c.attn_up == nn::AttentionUp::once || !attends_up, "attn_up", c.attn_up, "once");
  field(c.middle == nn::Middle::attention, "middle", c.middle, "attention");
  field(one_head, "attention_head_dim", c.attention_head_dim, "0, one head");
  field(c.norm_num_groups == 0 || thirty_two, "norm_num_groups", c.norm_num_groups, "0");
  field(c.attn_norm_num_groups == 0, "attn_norm_num_groups", c.attn_norm_num_groups, "0");
}

/// Throws Error naming every field that score_sde's networks cannot express.
inline void check_score_sde_can_express(const nn::UNetConfig& c) {
  Differences reasons;
  const auto field = [&](bool fits, const char* name, const auto& found, const char* wanted) {
    if (!fits) reasons.add(name, " = ", field_text(found), "; it needs ", wanted);
  };
  const bool fourier = c.embedding_type == nn::EmbeddingType::fourier;
  field(c.height() == c.width(), "image_width", c.image_width, "image_size or 0");
  field(c.output_channels() == c.num_channels, "out_channels", c.out_channels, "0");
  check_levels_of_score_sde(c, field);
  field(c.norm_eps == nn::UNetConfig{}.norm_eps, "norm_eps", c.norm_eps, "1e-06");
  field(c.num_class_embeds == 0, "num_class_embeds", c.num_class_embeds, "0");
  field(c.resnet_time_scale_shift == nn::TimeScaleShift::add, "resnet_time_scale_shift",
        c.resnet_time_scale_shift, "default");
  field(c.time_embedding_dim == 0 || c.time_embedding_dim == 4 * c.nf, "time_embedding_dim",
        c.time_embedding_dim, "0, 4 nf");
  field(fourier || !c.flip_sin_to_cos, "flip_sin_to_cos", c.flip_sin_to_cos, "false");
  field(fourier || c.freq_shift == 1, "freq_shift", c.freq_shift, "1");
  field(c.downsample_padding == 0, "downsample_padding", c.downsample_padding, "0");
  reasons.reject("score_sde cannot express this network:");
}

/// Writes the four sections; tensors are spans of the state's buffers.
template <std::floating_point T>
class ScoreSdeWriter {
 public:
  ScoreSdeWriter(const nn::ParameterTable& table, const TrainingState<T>& state)
      : table_(table), state_(state) {}

  void write(const std::filesystem::path& path, const nn::UNetConfig& config, const Adam& adam,
             double ema_decay) {
    const std::vector<double> sigmas = score_sde_sigmas(config);
    out_.open_dict();
    write_optimizer(adam);
    write_model(sigmas);
    write_averages(ema_decay);
    out_.text("step");
    out_.integer(static_cast<std::int64_t>(state_.step));
    out_.close_dict();
    out_.write(path);
  }

 private:
  void tensor(const nn::Parameter& p, const std::vector<T>& flat) {
    out_.tensor(p.shape, std::span<const T>(flat).subspan(p.offset, p.size));
  }
  void real(const char* key, double value) {
    out_.text(key);
    out_.real(value);
  }

  void write_optimizer(const Adam& adam) {
    const auto& squares = state_.second_moment;
    const bool empty = std::all_of(squares.begin(), squares.end(), [](T v) { return v == 0; });
    out_.text("optimizer");
    out_.open_dict();
    out_.text("state");
    out_.open_dict();
    for (std::size_t i = 0; i < table_.entries().size() && !empty; ++i) {
      if (!table_[i].trainable) continue;
      out_.integer(static_cast<std::int64_t>(i));
      out_.open_dict();
      out_.text("step");
      out_.integer(static_cast<std::int64_t>(state_.step));
      out_.text("exp_avg");
      tensor(table_[i], state_.first_moment);
      out_.text("exp_avg_sq");
      tensor(table_[i], state_.second_moment);
      out_.close_dict();
    }
    out_.close_dict();
    out_.text("param_groups");
    out_.open_list();
    write_group(adam);
    out_.close_list();
    out_.close_dict();
  }
  void write_group(const Adam& adam) {
    out_.open_dict();
    real("lr", adam.learning_rate_at(state_.step));
    out_.text("betas");
    out_.open_tuple();
    out_.real(adam.beta1);
    out_.real(adam.beta2);
    out_.close_tuple();
    real("eps", adam.epsilon);
    real("weight_decay", adam.weight_decay);
    out_.text("amsgrad");
    out_.truth(false);
    out_.text("params");
    out_.open_list();
    for (std::size_t i = 0; i < table_.entries().size(); ++i)
      out_.integer(static_cast<std::int64_t>(i));
    out_.close_list();
    out_.close_dict();
  }
  void write_model(const std::vector<double>& sigmas) {
    out_.text("model");
    out_.open_ordered_dict();
    out_.text("module.sigmas");
    out_.tensor({sigmas.size()}, std::span<const double>(sigmas));
    for (const nn::Parameter& p : table_.entries()) {
      out_.text("module." + p.name);
      tensor(p, state_.parameters);
    }
    out_.close_dict();
  }
  void write_averages(double decay) {
    out_.text("ema");
    out_.open_dict();
    real("decay", decay);
    out_.text("num_updates");
    out_.integer(static_cast<std::int64_t>(state_.step));
    out_.text("shadow_params");
    out_.open_list();
    for (const nn::Parameter& p : table_.entries())
      if (p.trainable) tensor(p, state_.average);
    out_.close_list();
    out_.close_dict();
  }

  const nn::ParameterTable& table_;
  const TrainingState<T>& state_;
  io::TorchWriter out_;
};

}  // namespace detail

/// Writes a checkpoint that score_sde_pytorch can resume from, in T's own type; the optimizer's
/// settings and the decay are those of the run. Second moments that are all zero are omitted
/// together with the first, as torch omits the state of an optimizer before its first step. Throws
/// Error naming every field of the network that score_sde cannot express, when a buffer's size is
/// not the table's, and as io::TorchWriter does; an older file at `path` is then unchanged.
template <std::floating_point T>
void save_score_sde_checkpoint(const std::filesystem::path& path, const nn::UNetConfig& config,
                               const nn::ParameterTable& table, const TrainingState<T>& state,
                               const Adam& adam = {}, double ema_decay = 0.9999) {
  detail::check_score_sde_can_express(config);
  state.check(table.size());
  detail::ScoreSdeWriter<T>(table, state).write(path, config, adam, ema_decay);
}

}  // namespace scoresde
