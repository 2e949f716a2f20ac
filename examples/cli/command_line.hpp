// SPDX-License-Identifier: MIT
/// CommandLine: the options of a program, and the conversion of its errors to exit statuses. CLI11
/// is compiled once, in command_line.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/checks.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace programs {

/// A declared option. Members return it.
class CommandOption {
 public:
  explicit CommandOption(CLI::Option* option) : option_(option) {}

  /// --help shows the present value as the default.
  CommandOption& shows_default();
  /// May be called several times.
  CommandOption& check(Check check);
  /// Accepts these names, which --help lists.
  CommandOption& choices(const std::vector<std::string>& names);
  /// The heading in --help.
  CommandOption& group(const std::string& heading);
  CommandOption& required();
  /// Takes this number of values, at least 2, all times that it is given together; run() rejects
  /// others.
  CommandOption& values(int count);
  /// Takes all values where it is repeated, not the last alone.
  CommandOption& takes_all();
  /// Takes one value for each time that it is given.
  CommandOption& one_value_each();
  /// Also separates values within an argument.
  CommandOption& delimiter(char separator);
  /// Options declared before.
  CommandOption& needs(const std::string& name);
  CommandOption& excludes(const std::string& name);

 private:
  CLI::Option* option_;
};

/// Where an option is repeated the last value is taken, unless takes_all() is set.
class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& description,
              const std::string& footer = "");
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  /// Parsing stores the value in `value`, which must outlive run(). T is a std::string, path,
  /// uint64_t, uint32_t, int, double, optional of double, or a vector of strings, uint64_t or
  /// double. A name without '-' is an argument by position.
  template <class T>
  CommandOption add_option(const std::string& name, T& value, const std::string& text);
  CommandOption add_flag(const std::string& name, bool& value, const std::string& text);
  /// A flag that prints something instead of running the program.
  CommandOption add_listing(const std::string& name, std::function<void()> print,
                            const std::string& text);

  /// Whether the option is on the parsed command line.
  [[nodiscard]] bool given(const std::string& name) const;
  /// All options that are.
  [[nodiscard]] std::vector<std::string> given() const;
  /// Those of a group.
  [[nodiscard]] std::vector<std::string> given_of(const std::string& group) const;

  /// Parses the arguments and runs the program; every failure becomes one line on stderr and a
  /// status of exit_status.hpp.
  int run(std::vector<std::string> arguments, const std::function<int()>& program);
  /// The same for the arguments of main().
  int run(int argc, char** argv, const std::function<int()>& program);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace programs
