// SPDX-License-Identifier: MIT
/// The class that each sample of a run is conditioned on.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/usage_error.hpp>

namespace programs {

namespace detail {

/// The index of a class, given by its index or its CIFAR-10 name. Throws UsageError with the
/// nearest name for other text.
inline std::uint32_t class_number(const std::string& name, std::size_t classes) {
  const auto& names = scoresde::data::cifar10_classes;
  std::string known;
  std::vector<std::string> accepted{"all", "none"};
  for (std::uint32_t c = 0; c < names.size() && classes == names.size(); ++c) {
    if (name == names[c]) return c;
    known += std::string(", ") + names[c];
    accepted.push_back(names[c]);
  }
  std::uint32_t number = 0;
  const char* last = name.data() + name.size();
  const auto [end, code] = std::from_chars(name.data(), last, number);
  const std::string near = scoresde::suggestion(name, accepted);
  scoresde::require_usage(code == std::errc{} && end == last && number < classes, "--class is '",
                          name, "'", near.empty() ? ";" : near,
                          " it must be all, none, a number from 0 to ", classes - 1, known);
  return number;
}

}  // namespace detail

/// The class of each sample by its index: one for all, or one for each row of the grid.
class SampleClasses {
 public:
  /// `choice` is resolved by resolve_defaults(); the network has `classes` classes.
  SampleClasses(const scoresde::ClassChoice& choice, std::size_t classes, std::size_t columns)
      : classes_(classes), columns_(columns), by_rows_(choice.name == "all") {
    if (!by_rows_ && choice.name != "none" && classes > 0)
      one_ = detail::class_number(choice.name, classes);
  }

  [[nodiscard]] std::uint32_t operator()(std::size_t image) const {
    return by_rows_ ? static_cast<std::uint32_t>(image / columns_ % classes_) : one_;
  }

 private:
  std::size_t classes_, columns_;
  bool by_rows_;
  std::uint32_t one_ = scoresde::nn::no_class;
};

}  // namespace programs
