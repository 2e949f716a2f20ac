// SPDX-License-Identifier: MIT
/// Checkpoints of score_sde_pytorch (`checkpoint_N.pth`): read strictly, and written.
///
///   {'optimizer': Adam's state, 'model': state_dict, 'ema': {'decay', 'num_updates',
///    'shadow_params': [tensor, …]}, 'step': n}
///
/// The model's names are ours behind `module.`; beside the parameters it holds `sigmas`, the noise
/// levels σ_max (σ_min/σ_max)^(i/(N−1)) in float64. The averages carry no names: they stand in the
/// order of the trainable parameters, which is that of our table; Adam's state is numbered by all
/// parameters in that order. (Layout of Song et al.'s code for arXiv:2011.13456.)
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/torch_writer.hpp>
#include <scoresde/nn/parameters.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/train/adam.hpp>
#include <scoresde/train/checkpoint_differences.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde {

/// Which of a checkpoint's two sets of weights: as trained last, or their moving average.
enum class ScoreSdeWeights : std::uint8_t { model, ema };

namespace detail {

/// The network's noise levels, descending.
[[nodiscard]] inline std::vector<double> score_sde_sigmas(const nn::UNetConfig& config) {
  std::vector<double> sigmas(config.num_scales);
  const double first = std::log(config.sigma_max), last = std::log(config.sigma_min);
  const double steps = std::max(1.0, static_cast<double>(sigmas.size()) - 1);
  for (std::size_t i = 0; i < sigmas.size(); ++i)
    sigmas[i] = std::exp(first + (last - first) * (static_cast<double>(i) / steps));
  return sigmas;
}

/// Reads one checkpoint against one network; what does not fit is gathered.
template <std::floating_point T>
class ScoreSdeReader {
 public:
  ScoreSdeReader(const io::TorchFile& file, const nn::UNetConfig& config,
                 const nn::ParameterTable& table)
      : file_(file), config_(config), table_(table) {}

  void read_model(std::span<T> flat) {
    const io::PickleValue model = section(file_.root(), "model");
    std::vector<std::size_t> order;  // the table's indices in the order of the file
    std::vector<bool> seen(table_.entries().size());
    for (std::size_t i = 0; i < model.size(); ++i) {
      const std::string name(parameter_name(model.key(i).text()));
      if (name == "sigmas") {
        check_sigmas(model.value(i));
      } else if (!table_.contains(name)) {
        differences_.add("model: ", io::detail::printable(name), ' ', shape_of(model.value(i)),
                         " is not among the network's parameters");
      } else if (const std::size_t at = table_.index(name); seen[at]) {
        differences_.add("model: ", name, " appears twice");
      } else {
        seen[at] = true;
        order.push_back(at);
        read("model: " + name, model.value(i), table_[at], flat);
      }
    }
    for (std::size_t i = 0; i < seen.size(); ++i)
      if (!seen[i])
        differences_.add("model: ", table_[i].name, ' ', shape_text(table_[i].shape),
                         " is missing");
    ordered_ = std::is_sorted(order.begin(), order.end());
  }

  /// After read_model, into a copy of its result: what is not trainable has no average.
  void read_averages(std::span<T> flat) {
    const io::PickleValue shadows = section(section(file_.root(), "ema"), "shadow_params");
    if (!ordered_)
      differences_.add(
          "ema: the model lists its parameters in another order than the network; "
          "averages have no names and cannot be told apart");
    std::size_t count = 0;
    for (const nn::Parameter& p : table_.entries()) {
      if (!p.trainable) continue;
      const std::string name = "ema: shadow_params[" + std::to_string(count) + "], " + p.name + ',';
      if (count < shadows.size())
        read(name, shadows[count], p, flat);
      else
        differences_.add(name, ' ', shape_text(p.shape), " is missing");
      ++count;
    }
    for (std::size_t i = count; i < shadows.size(); ++i)
      differences_.add("ema: shadow_params[", i, "] ", shape_of(shadows[i]),
                       " is beyond the network's ", count, " trainable parameters");
  }

  /// Adam's moments. A checkpoint without any is of a run that has made no step.
  void read_moments(std::span<T> first, std::span<T> second, std::uint64_t step) {
    const io::PickleValue state = section(section(file_.root(), "optimizer"), "state");
    std::map<std::int64_t, io::PickleValue> numbered;
    for (std::size_t i = 0; i < state.size(); ++i)
      numbered.insert_or_assign(state.key(i).integer(), state.value(i));
    if (numbered.empty() && step > 0)
      differences_.add("optimizer: its state is empty after ", step,
                       " updates; a run resumes from Adam's moments");
    if (numbered.empty()) return;
    for (std::size_t i = 0; i < table_.entries().size(); ++i) {
      if (!table_[i].trainable) continue;
      const std::string name =
          "optimizer: state[" + std::to_string(i) + "], " + table_[i].name + ", ";
      const auto found = numbered.find(static_cast<std::int64_t>(i));
      if (found == numbered.end()) {
        differences_.add(name, "is missing");
        continue;
      }
      read_moment(name, found->second, "exp_avg", table_[i], first);
      read_moment(name, found->second, "exp_avg_sq", table_[i], second);
    }
  }

  void refuse() const {
    differences_.refuse(text("score_sde checkpoint does not fit the network of ",
                             table_.entries().size(), " tensors:"));
  }

  /// What a dictionary holds under a key. Throws Error where it holds nothing.
  [[nodiscard]] static io::PickleValue section(const io::PickleValue& where, const char* key) {
    const auto found = where.find(key);
    require(found.has_value(), "score_sde checkpoint: there is no '", key,
            "'; a checkpoint holds 'optimizer', 'model', 'ema' and 'step'");
    return *found;
  }

 private:
  [[nodiscard]] static std::string_view parameter_name(std::string_view name) {
    constexpr std::string_view prefix = "module.";
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  }
  [[nodiscard]] std::string shape_of(const io::PickleValue& value) const {
    return io::TorchFile::is_tensor(value) ? shape_text(file_.description(value).shape)
                                           : std::string(io::name_of(value.kind()));
  }
  void read(const std::string& name, const io::PickleValue& value, const nn::Parameter& p,
            std::span<T> flat) {
    if (io::TorchFile::is_tensor(value))
      read_parameter(name, file_.tensor(value), p, false, flat, differences_);
    else
      differences_.add(name, " is ", io::name_of(value.kind()), "; it must be a tensor");
  }
  void read_moment(const std::string& name, const io::PickleValue& state, const char* key,
                   const nn::Parameter& p, std::span<T> flat) {
    if (const auto found = state.find(key))
      read(name + key, *found, p, flat);
    else
      differences_.add(name, key, " is missing");
  }

  /// Only networks that divide by a level of the table read it.
  void check_sigmas(const io::PickleValue& value) {
    const bool used =
        config_.scale_by_sigma && (config_.name == "ddpm" || config_.embedding_type != "fourier");
    if (!used || !io::TorchFile::is_tensor(value)) return;
    const std::vector<double> found = file_.tensor(value).template as<double>();
    const std::vector<double> wanted = score_sde_sigmas(config_);
    const bool fits = std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(),
                                 [](double a, double b) { return std::abs(a - b) <= 1e-6 * b; });
    if (!fits)
      differences_.add(
          "model: sigmas has ", found.size(), " levels",
          found.empty() ? std::string() : text(" from ", found.front(), " to ", found.back()),
          "; the network has ", wanted.size(), " from ", config_.sigma_max, " to ",
          config_.sigma_min);
  }

  const io::TorchFile& file_;
  const nn::UNetConfig& config_;
  const nn::ParameterTable& table_;
  Differences differences_;
  bool ordered_ = true;
};

}  // namespace detail

/// Updates that the checkpoint has seen. Throws Error when it does not say.
[[nodiscard]] inline std::uint64_t score_sde_step(const io::TorchFile& file) {
  return detail::ScoreSdeReader<double>::section(file.root(), "step").count();
}

/// Whether the checkpoint holds Adam's moments, so that a run can resume from it; one of no updates
/// needs none.
[[nodiscard]] inline bool score_sde_can_resume(const io::TorchFile& file) {
  const auto optimizer = file.root().find("optimizer");
  const auto state = optimizer ? optimizer->find("state") : std::nullopt;
  return state && (state->size() > 0 || score_sde_step(file) == 0);
}

/// The weights to sample with, into the flat buffer of the network's table; float32 and float64,
/// float16, bfloat16. Returns the updates they have seen. Throws Error as io::TorchFile does, and
/// with a list of all tensors that are missing, unexpected, misshapen, not floating or not finite;
/// `weights` is then untouched.
template <std::floating_point T>
std::uint64_t load_score_sde_weights(const io::TorchFile& file, const nn::UNetConfig& config,
                                     const nn::ParameterTable& table, ScoreSdeWeights which,
                                     std::span<T> weights) {
  detail::require(weights.size() == table.size(), "score_sde weights: the buffer holds ",
                  weights.size(), " scalars; the network has ", table.size(), " parameters");
  std::vector<T> flat(table.size());
  detail::ScoreSdeReader<T> reader(file, config, table);
  reader.read_model(flat);
  if (which == ScoreSdeWeights::ema) reader.read_averages(flat);
  reader.refuse();
  const std::uint64_t step = score_sde_step(file);
  std::copy(flat.begin(), flat.end(), weights.begin());
  return step;
}

/// The whole state of a run: weights, averages, Adam's moments, updates. Throws Error as
/// load_score_sde_weights does.
template <std::floating_point T>
[[nodiscard]] TrainingState<T> load_score_sde_run(const io::TorchFile& file,
                                                  const nn::UNetConfig& config,
                                                  const nn::ParameterTable& table) {
  auto state = TrainingState<T>::start(std::vector<T>(table.size()));
  state.step = score_sde_step(file);
  detail::ScoreSdeReader<T> reader(file, config, table);
  reader.read_model(state.parameters);
  state.average = state.parameters;
  reader.read_averages(state.average);
  reader.read_moments(state.first_moment, state.second_moment, state.step);
  reader.refuse();
  return state;
}

namespace detail {

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

/// Writes a checkpoint that score_sde_pytorch resumes from, in T's own type; the optimizer's
/// settings and the decay are those of the run. Second moments that are all zero are left out with
/// the first, as torch leaves out those of an optimizer that has made no step. Throws Error when a
/// buffer's size is not the table's, and as io::TorchWriter does; an older file at `path` is then
/// untouched.
template <std::floating_point T>
void save_score_sde_checkpoint(const std::filesystem::path& path, const nn::UNetConfig& config,
                               const nn::ParameterTable& table, const TrainingState<T>& state,
                               const Adam& adam = {}, double ema_decay = 0.9999) {
  state.check(table.size());
  detail::ScoreSdeWriter<T>(table, state).write(path, config, adam, ema_decay);
}

}  // namespace scoresde
