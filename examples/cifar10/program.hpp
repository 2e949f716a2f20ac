// SPDX-License-Identifier: MIT
/// What the CIFAR-10 programs share at their edges: names, numbers, exit statuses.
#pragma once

#include <charconv>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include <scoresde/nn/presets.hpp>

namespace cifar10 {

/// The presets' names, for --help.
inline std::string preset_names() {
  std::string names;
  for (const auto& preset : scoresde::nn::presets())
    names += (names.empty() ? "" : ", ") + preset.name;
  return names;
}

/// Accepts whole numbers from `least` to `most`; without it CLI11 wraps negative numbers around.
inline CLI::Validator natural_number(std::uint64_t least, std::uint64_t most = ~std::uint64_t{0}) {
  const std::string allowed =
      "it must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  return CLI::Validator(
      [least, most, allowed](const std::string& text) {
        std::uint64_t value = 0;
        const char* last = text.data() + text.size();
        const auto [end, code] = std::from_chars(text.data(), last, value);
        const bool fits = code == std::errc{} && end == last && value >= least && value <= most;
        return fits ? std::string() : "'" + text + "': " + allowed;
      },
      "");
}

namespace detail {

/// Accepts numbers that `fits` accepts.
template <class Fits>
CLI::Validator number(Fits fits, const char* allowed) {
  return CLI::Validator(
      [fits, allowed](const std::string& text) {
        double value = 0;
        const bool accepted = CLI::detail::lexical_cast(text, value) && fits(value);
        return accepted ? std::string() : "'" + text + "': it must be " + allowed;
      },
      "");
}

}  // namespace detail

/// Accepts finite numbers above 0.
inline CLI::Validator positive_number() {
  return detail::number([](double x) { return x > 0 && x < 1e300; }, "a number above 0");
}

/// Accepts finite numbers that are not negative.
inline CLI::Validator number_from_zero() {
  return detail::number([](double x) { return x >= 0 && x < 1e300; }, "0 or a number above it");
}

/// Accepts numbers from 0 to 1.
inline CLI::Validator share_from_zero() {
  return detail::number([](double x) { return x >= 0 && x <= 1; }, "a number from 0 to 1");
}

/// Accepts numbers above 0 and up to 1.
inline CLI::Validator share() {
  return detail::number([](double x) { return x > 0 && x <= 1; }, "above 0 and at most 1");
}

/// Parses the command line and runs the program; every failure becomes one line on stderr and a
/// non-zero status.
template <class Program>
int run_program(CLI::App& app, int argc, char** argv, Program program) {
  try {
    app.parse(argc, argv);
    return program();
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure);
  } catch (const std::exception& failure) {
    std::cout << std::flush;
    std::cerr << app.get_name() << ": " << failure.what() << '\n';
    return 1;
  }
}

}  // namespace cifar10
