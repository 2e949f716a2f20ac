// SPDX-License-Identifier: MIT
/// Command-line validators and the conversion of errors to exit statuses, shared by the programs.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/exit_status.hpp"

namespace programs {

/// The presets' names, with those of classifiers where `classifiers` is set.
inline std::vector<std::string> preset_list(bool classifiers) {
  std::vector<std::string> names;
  for (const auto& preset : scoresde::nn::presets()) names.push_back(preset.name);
  if (classifiers)
    for (const auto& preset : scoresde::nn::classifier_presets()) names.push_back(preset.name);
  return names;
}

/// The same in one line, for --help.
inline std::string preset_names(bool classifiers = false) {
  std::string names;
  for (const auto& name : preset_list(classifiers)) names += (names.empty() ? "" : ", ") + name;
  return names;
}

/// Accepts whole numbers from `least` to `most`. (CLI11 converts negative numbers to large ones.)
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

/// Accepts paths that are not empty, such as "$FOLDER" of a variable that is not set.
inline CLI::Validator path() {
  return CLI::Validator(
      [](const std::string& text) {
        return text.empty() ? std::string("'': it must be a path") : std::string();
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
  return detail::number([](double x) { return x > 0 && x < 1e300; },
                        "a number above 0 and below 1e+300");
}

/// Accepts finite numbers that are not negative.
inline CLI::Validator number_from_zero() {
  return detail::number([](double x) { return x >= 0 && x < 1e300; }, "a number from 0 to 1e+300");
}

/// Accepts numbers from 0 to 1.
inline CLI::Validator share_from_zero() {
  return detail::number([](double x) { return x >= 0 && x <= 1; }, "a number from 0 to 1");
}

/// Accepts numbers above 0 and up to 1.
inline CLI::Validator share() {
  return detail::number([](double x) { return x > 0 && x <= 1; }, "above 0 and at most 1");
}

/// Accepts these names, and those of `more`, which messages do not list; a message about another
/// name begins with the nearest one.
inline CLI::Validator one_of(std::vector<std::string> names, std::vector<std::string> more = {}) {
  more.insert(more.begin(), names.begin(), names.end());
  return CLI::Validator(
      [names = std::move(names), all = std::move(more)](const std::string& text) {
        const bool known = std::find(all.begin(), all.end(), text) != all.end();
        return known ? std::string() : scoresde::unknown_name(text, names, all);
      },
      "");
}

/// Accepts the presets' names, with `edm` as well as `karras`, and those of classifiers where
/// `classifiers` is set.
inline CLI::Validator preset_name(bool classifiers = false) {
  std::vector<std::string> more;
  for (const auto& preset : scoresde::nn::presets()) more.push_back(scoresde::nn::edm_name(preset));
  return one_of(preset_list(classifiers), std::move(more));
}

namespace detail {

/// The message about an argument that is not an option's, such as "--itterations is not an option;
/// did you mean '--iterations'?".
inline std::string unexpected_argument(const CLI::App& app, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  if (!name.starts_with("-")) return "'" + argument + "' was not expected after the options";
  std::vector<std::string> options;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& known : option->get_lnames()) options.push_back("--" + known);
  const std::string near = scoresde::suggestion(name, options);
  return name + " is not an option" + near + (near.empty() ? "; --help lists them" : "");
}

inline int fail(const CLI::App& app, const std::string& message, int status) {
  std::cout << std::flush;
  std::cerr << app.get_name() << ": " << message << '\n';
  return status;
}

/// The message about a failed allocation that no check predicted.
inline std::string out_of_memory(const CLI::App& app) {
  std::string options;
  for (const char* name : {"--batch", "--network-batch"})
    if (app.get_option_no_throw(name) != nullptr)
      options += (options.empty() ? " " : " or ") + std::string(name);
  return "memory ran out" + (options.empty() ? "" : "; a smaller" + options + " needs less");
}

}  // namespace detail

/// Parses the arguments and runs the program; every failure becomes one line on stderr and a status
/// of exit_status.hpp.
template <class Program>
int run_program(CLI::App& app, std::vector<std::string> arguments, Program program) {
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11's order
    app.parse(std::move(arguments));
    return program();
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ExtrasError&) {
    return detail::fail(app, detail::unexpected_argument(app, app.remaining().front()),
                        status_usage);
  } catch (const CLI::ParseError& failure) {
    return detail::fail(app, std::string(failure.what()) + "; --help explains the options",
                        status_usage);
  } catch (const scoresde::UsageError& failure) {
    return detail::fail(app, failure.what(), status_usage);
  } catch (const FolderInUse& failure) {
    return detail::fail(app, failure.what(), status_folder_in_use);
  } catch (const std::bad_alloc&) {
    return detail::fail(app, detail::out_of_memory(app), status_failed);
  } catch (const std::exception& failure) {
    return detail::fail(app, failure.what(), status_failed);
  }
}

/// The same for the arguments of main().
template <class Program>
int run_program(CLI::App& app, int argc, char** argv, Program program) {
  return run_program(app, std::vector<std::string>(argv + 1, argv + argc), std::move(program));
}

}  // namespace programs
