// SPDX-License-Identifier: MIT
#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>

#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/exit_status.hpp"

namespace programs {
namespace {

/// The message about an argument that is not an option's, such as "--itterations is not an option;
/// did you mean '--iterations'?".
std::string unexpected_argument(const CLI::App& app, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  if (!name.starts_with("-")) return "'" + argument + "' was not expected after the options";
  std::vector<std::string> options;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& known : option->get_lnames()) options.push_back("--" + known);
  const std::string near = scoresde::suggestion(name, options);
  return name + " is not an option" + near + (near.empty() ? "; --help lists them" : "");
}

int fail(const CLI::App& app, const std::string& message, int status) {
  std::cout << std::flush;
  std::cerr << app.get_name() << ": " << message << '\n';
  return status;
}

/// Throws UsageError for an option with another number of values than CommandOption::values() set;
/// CLI11 2.1 checks neither too few nor too many.
void require_numbers_of_values(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const int wanted = option->get_expected_min();
    const auto found = static_cast<int>(option->count());
    const bool fixed = wanted > 1 && wanted == option->get_expected_max();
    scoresde::require_usage(!fixed || found == 0 || found == wanted, option->get_name(), " has ",
                            found, found == 1 ? " value" : " values", "; it must have ", wanted);
  }
}

/// The message about a failed allocation that no check predicted.
std::string out_of_memory(const CLI::App& app) {
  std::string options;
  for (const char* name : {"--batch", "--network-batch"})
    if (app.get_option_no_throw(name) != nullptr)
      options += (options.empty() ? " " : " or ") + std::string(name);
  return "memory ran out" + (options.empty() ? "" : "; a smaller" + options + " needs less");
}

}  // namespace

CommandOption& CommandOption::shows_default() {
  option_->capture_default_str();
  return *this;
}
CommandOption& CommandOption::check(Check check) {
  option_->check(CLI::Validator(
      [check = std::move(check)](const std::string& text) { return check(text); }, ""));
  return *this;
}
CommandOption& CommandOption::choices(const std::vector<std::string>& names) {
  option_->check(CLI::IsMember(names));
  return *this;
}
CommandOption& CommandOption::group(const std::string& heading) {
  option_->group(heading);
  return *this;
}
CommandOption& CommandOption::required() {
  option_->required();
  return *this;
}
CommandOption& CommandOption::values(int count) {
  option_->expected(count)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}
CommandOption& CommandOption::takes_all() {
  option_->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}
CommandOption& CommandOption::one_value_each() {
  option_->allow_extra_args(false);
  return *this;
}
CommandOption& CommandOption::delimiter(char separator) {
  option_->delimiter(separator);
  return *this;
}
CommandOption& CommandOption::needs(const std::string& name) {
  option_->needs(name);
  return *this;
}
CommandOption& CommandOption::excludes(const std::string& name) {
  option_->excludes(name);
  return *this;
}

CommandLine::CommandLine(const std::string& name, const std::string& description,
                         const std::string& footer)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->footer(footer);
  app_->option_defaults()->take_last();
}
CommandLine::~CommandLine() = default;

template <class T>
CommandOption CommandLine::add_option(const std::string& name, T& value, const std::string& text) {
  return CommandOption(app_->add_option(name, value, text));
}
#define SCORESDE_OPTION_VALUE(...)                                                            \
  template CommandOption CommandLine::add_option(const std::string& name, __VA_ARGS__& value, \
                                                 const std::string& text)
SCORESDE_OPTION_VALUE(std::string);
SCORESDE_OPTION_VALUE(std::filesystem::path);
SCORESDE_OPTION_VALUE(std::uint64_t);
SCORESDE_OPTION_VALUE(std::uint32_t);
SCORESDE_OPTION_VALUE(int);
SCORESDE_OPTION_VALUE(double);
SCORESDE_OPTION_VALUE(std::optional<double>);
SCORESDE_OPTION_VALUE(std::optional<std::uint32_t>);
SCORESDE_OPTION_VALUE(std::vector<std::string>);
SCORESDE_OPTION_VALUE(std::vector<std::uint64_t>);
SCORESDE_OPTION_VALUE(std::vector<double>);
#undef SCORESDE_OPTION_VALUE

CommandOption CommandLine::add_flag(const std::string& name, bool& value, const std::string& text) {
  return CommandOption(app_->add_flag(name, value, text));
}

CommandOption CommandLine::add_listing(const std::string& name, std::function<void()> print,
                                       const std::string& text) {
  return CommandOption(app_->add_flag_callback(
      name,
      [print = std::move(print)] {
        print();
        throw CLI::Success();
      },
      text));
}

bool CommandLine::given(const std::string& name) const { return app_->count(name) > 0; }

std::vector<std::string> CommandLine::given() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : std::as_const(*app_).get_options())
    if (option->count() > 0) names.push_back(option->get_name());
  return names;
}

std::vector<std::string> CommandLine::given_of(const std::string& group) const {
  std::vector<std::string> names = given();
  std::erase_if(names, [&](const std::string& name) {
    return std::as_const(*app_).get_option(name)->get_group() != group;
  });
  return names;
}

int CommandLine::run(std::vector<std::string> arguments, const std::function<int()>& program) {
  CLI::App& app = *app_;
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11's order
    app.parse(std::move(arguments));
    require_numbers_of_values(app);
    return program();
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ExtrasError&) {
    return fail(app, unexpected_argument(app, app.remaining().front()), status_usage);
  } catch (const CLI::ParseError& failure) {
    return fail(app, std::string(failure.what()) + "; --help explains the options", status_usage);
  } catch (const scoresde::UsageError& failure) {
    return fail(app, failure.what(), status_usage);
  } catch (const FolderInUse& failure) {
    return fail(app, failure.what(), status_folder_in_use);
  } catch (const std::bad_alloc&) {
    return fail(app, out_of_memory(app), status_failed);
  } catch (const std::exception& failure) {
    return fail(app, failure.what(), status_failed);
  }
}

int CommandLine::run(int argc, char** argv, const std::function<int()>& program) {
  return run(std::vector<std::string>(argv + 1, argv + argc), program);
}

}  // namespace programs
