// SPDX-License-Identifier: MIT
/// Reads the sections of score_sde's checkpoints for a given network; see score_sde_checkpoint.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde {

namespace detail {

/// A parameter's name without the prefixes of wrapper modules.
[[nodiscard]] inline std::string_view unwrapped_name(std::string_view name) {
  for (const std::string_view prefix : {"module.", "_orig_mod."})
    if (name.starts_with(prefix)) return unwrapped_name(name.substr(prefix.size()));
  return name;
}

/// Whether a dictionary has a parameter name of score_sde's networks among its keys.
[[nodiscard]] inline bool is_score_sde_state_dict(const io::PickleValue& value) {
  if (!value.is(io::PickleKind::dict)) return false;
  for (std::size_t i = 0; i < value.size(); ++i)
    if (value.key(i).is(io::PickleKind::text) &&
        unwrapped_name(value.key(i).text()).starts_with("all_modules."))
      return true;
  return false;
}

/// The network's noise levels, descending.
[[nodiscard]] inline std::vector<double> score_sde_sigmas(const nn::UNetConfig& config) {
  std::vector<double> sigmas(config.num_scales);
  const double first = std::log(config.sigma_max), last = std::log(config.sigma_min);
  const double steps = std::max(1.0, static_cast<double>(sigmas.size()) - 1);
  for (std::size_t i = 0; i < sigmas.size(); ++i)
    sigmas[i] = std::exp(first + (last - first) * (static_cast<double>(i) / steps));
  return sigmas;
}

/// An integer, a float or a tensor of one element as a number; nothing for other values.
[[nodiscard]] inline std::optional<double> single_number(const io::TorchFile& file,
                                                         const io::PickleValue& value) {
  if (value.is(io::PickleKind::integer) || value.is(io::PickleKind::real)) return value.real();
  if (!io::TorchFile::is_tensor(value)) return std::nullopt;
  const std::vector<double> elements = file.tensor(value).as<double>();
  return elements.size() == 1 ? std::optional(elements.front()) : std::nullopt;
}

/// Reads one checkpoint for one network; differences are collected.
template <std::floating_point T>
class ScoreSdeReader {
 public:
  ScoreSdeReader(const io::TorchFile& file, const nn::UNetConfig& config,
                 const nn::ParameterTable& table)
      : file_(file), config_(config), table_(table) {}

  void read_model(std::span<T> flat) {
    const io::PickleValue root = file_.root();
    const io::PickleValue model = is_score_sde_state_dict(root) ? root : section(root, "model");
    if (!model.is(io::PickleKind::dict))
      throw Error(text("score_sde checkpoint: 'model' is ", model.description(),
                       "; it must be a dictionary of tensors"));
    std::vector<std::size_t> order;  // the table's indices in the order of the file
    std::vector<bool> seen(table_.entries().size());
    for (std::size_t i = 0; i < model.size(); ++i) {
      const std::string name = parameter_name(model.key(i));
      if (name == "sigmas") {
        check_sigmas(model.value(i));
      } else if (!table_.contains(name)) {
        if (io::is_readable(file_, model.value(i)))
          differences_.add("model: ", io::printable(name), ' ', shape_of(model.value(i)),
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
        differences_.add("model: ", table_[i].name, ' ', io::shape_text(table_[i].shape),
                         " is missing");
    ordered_ = std::is_sorted(order.begin(), order.end());
  }

  /// After read_model, into a copy of its result: parameters that are not trained have no average.
  void read_averages(std::span<T> flat) {
    const io::PickleValue shadows = section(section(file_.root(), "ema"), "shadow_params");
    if (!ordered_)
      differences_.add_first(
          "ema: the model's parameters are in another order than the network's; "
          "shadow_params is a list without names, so its order is unknown");
    std::size_t count = 0;
    for (const nn::Parameter& p : table_.entries()) {
      if (!p.trainable) continue;
      const std::string name = "ema: shadow_params[" + std::to_string(count) + "], " + p.name + ',';
      if (count < shadows.size())
        read(name, shadows[count], p, flat);
      else
        differences_.add(name, ' ', io::shape_text(p.shape), " is missing");
      ++count;
    }
    for (std::size_t i = count; i < shadows.size(); ++i)
      differences_.add("ema: shadow_params[", i, "] ", shape_of(shadows[i]),
                       " is beyond the network's ", count, " trainable parameters");
  }

  /// Adam's moments. A checkpoint without any belongs to a run without updates.
  void read_moments(std::span<T> first, std::span<T> second, std::uint64_t step) {
    const io::PickleValue state = section(section(file_.root(), "optimizer"), "state");
    std::map<std::int64_t, io::PickleValue> numbered;
    for (std::size_t i = 0; i < state.size(); ++i)
      numbered.insert_or_assign(state.key(i).integer(), state.value(i));
    if (numbered.empty() && step > 0)
      differences_.add("optimizer: its state is empty after ", step,
                       " updates; resuming a run requires Adam's moments");
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

  void reject() const {
    differences_.reject(text("score_sde checkpoint does not match the network of ",
                             table_.entries().size(), " tensors:"));
  }

  /// The value of a key of a dictionary. Throws Error where it does not exist.
  [[nodiscard]] static io::PickleValue section(const io::PickleValue& where, const char* key) {
    const auto found = where.find(key);
    require(found.has_value(), "score_sde checkpoint: there is no '", key,
            "'; a checkpoint has 'optimizer', 'model', 'ema' and 'step', a state_dict has names "
            "like 'all_modules.0.weight'");
    return *found;
  }

 private:
  /// Empty for a key that is not a name.
  [[nodiscard]] static std::string parameter_name(const io::PickleValue& key) {
    return key.is(io::PickleKind::text) ? std::string(unwrapped_name(key.text())) : std::string();
  }
  [[nodiscard]] std::string shape_of(const io::PickleValue& value) const {
    return io::is_readable(file_, value) ? io::shape_text(file_.description(value).shape)
                                         : value.description();
  }
  void read(const std::string& name, const io::PickleValue& value, const nn::Parameter& p,
            std::span<T> flat) {
    if (!io::TorchFile::is_tensor(value)) {
      differences_.add(name, " is ", value.description(), "; it must be a tensor");
      return;
    }
    try {
      read_parameter(name, file_.tensor(value), p, false, flat, differences_);
    } catch (const Error& failure) {
      differences_.add(name, ": ", failure.what());
    }
  }
  void read_moment(const std::string& name, const io::PickleValue& state, const char* key,
                   const nn::Parameter& p, std::span<T> flat) {
    if (const auto found = state.find(key))
      read(name + key, *found, p, flat);
    else
      differences_.add(name, key, " is missing");
  }

  /// The noise levels are used only by networks that divide by a level of the table.
  void check_sigmas(const io::PickleValue& value) {
    const bool used =
        config_.scale_by_sigma && config_.embedding_type != nn::EmbeddingType::fourier;
    if (!used || !io::TorchFile::is_tensor(value)) return;
    const std::vector<double> found = file_.tensor(value).template as<double>();
    const std::vector<double> wanted = score_sde_sigmas(config_);
    const bool fits = std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(),
                                 [](double a, double b) { return std::abs(a - b) <= 1e-6 * b; });
    if (!fits)
      differences_.add_first(
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

}  // namespace scoresde
