// SPDX-License-Identifier: MIT
/// Option names of other libraries that cifar10_sample accepts, translated before parsing.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <scoresde/error.hpp>

namespace programs {

struct OptionAlias {
  const char* name = "";
  const char* option = "";
  const char* value = nullptr;  ///< the option's value, for a flag; null: the argument's value
  double offset = 0;            ///< added to the value
};

/// Lower case with '-'; '_' and upper case are equivalent. A guidance scale is w + 1.
inline constexpr std::array option_aliases{
    OptionAlias{"--num-inference-steps", "--steps"},
    OptionAlias{"--guidance-scale", "--guidance", nullptr, -1},
    OptionAlias{"--scheduler", "--sampler"},
    OptionAlias{"--timestep-spacing", "--grid"},
    OptionAlias{"--skip-type", "--grid"},
    OptionAlias{"--use-karras-sigmas", "--grid", "karras"},
    OptionAlias{"--use-exponential-sigmas", "--grid", "log_snr"},
    OptionAlias{"--use-lu-lambdas", "--grid", "log_snr"},
    OptionAlias{"--use-beta-sigmas", "--grid", "beta"},
    OptionAlias{"--dynamic-thresholding-ratio", "--dynamic-threshold"},
    OptionAlias{"--s-min", "--s-tmin"},
    OptionAlias{"--s-max", "--s-tmax"}};

namespace detail {

/// A number plus the offset; other text unchanged, for the option to reject.
[[nodiscard]] inline std::string offset_by(const std::string& text, double offset) {
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, code] = std::from_chars(text.data(), last, number);
  const bool whole = code == std::errc{} && end == last;
  return offset != 0 && whole ? scoresde::text(number + offset) : text;
}

}  // namespace detail

/// The arguments with this library's option names; appends a line per translation to `notes`.
[[nodiscard]] inline std::vector<std::string> translated(const std::vector<std::string>& arguments,
                                                         std::vector<std::string>& notes) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--")) {
      result.push_back(argument);
      continue;
    }
    const std::size_t equals = std::min(argument.find('='), argument.size());
    std::string name = argument.substr(0, equals), value = argument.substr(equals);
    for (char& c : name)
      c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const OptionAlias& alias : option_aliases) {
      if (name != alias.name) continue;
      name = alias.option;
      if (alias.value != nullptr)
        value = '=' + std::string(alias.value);
      else if (!value.empty())
        value = '=' + detail::offset_by(value.substr(1), alias.offset);
      else if (i + 1 < arguments.size())
        value = '=' + detail::offset_by(arguments[++i], alias.offset);
      notes.push_back(argument.substr(0, equals) + " is " + name +
                      (value.empty() ? "" : ' ' + value.substr(1)));
      break;
    }
    result.push_back(name + value);
  }
  return result;
}

}  // namespace programs
