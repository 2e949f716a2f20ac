// SPDX-License-Identifier: MIT
/// Runs a program and captures its output.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace scoresde::test {

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Exit status (128 + signal if killed) and the combined output of stdout and stderr.
struct Outcome {
  int status = 0;
  std::string text;
  [[nodiscard]] bool says(const std::string& word) const {
    return text.find(word) != std::string::npos;
  }
};

/// A running program. Its output is written to a file.
class RunningProgram {
 public:
  RunningProgram(const std::string& program, std::vector<std::string> arguments,
                 std::filesystem::path output)
      : output_(std::move(output)) {
    arguments.insert(arguments.begin(), program);
    std::vector<char*> words;
    for (std::string& word : arguments) words.push_back(word.data());
    words.push_back(nullptr);
    process_ = ::fork();
    // kill(-1) would signal every process of the user
    if (process_ < 0) throw std::runtime_error("the program cannot be started");
    if (process_ == 0) {
      if (std::freopen(output_.c_str(), "w", stdout) == nullptr) ::_exit(126);
      ::dup2(STDOUT_FILENO, STDERR_FILENO);
      for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
      ::execv(program.c_str(), words.data());
      ::_exit(127);
    }
  }

  void signal(int number) const { ::kill(process_, number); }
  [[nodiscard]] ::pid_t process() const { return process_; }

  /// Waits until a file exists; returns false after a minute.
  [[nodiscard]] static bool wait_for(const std::filesystem::path& file) {
    for (int attempts = 0; attempts < 6000; ++attempts) {
      if (std::filesystem::exists(file)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  Outcome wait() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, text_of(output_)};
  }

 private:
  std::filesystem::path output_;
  ::pid_t process_ = -1;
};

/// The path of a program, from the environment variable that the build sets for these tests.
inline std::string program_path(const char* variable) {
  const char* path = std::getenv(variable);
  if (path == nullptr) throw std::runtime_error(std::string(variable) + " names no program");
  return path;
}

}  // namespace scoresde::test
