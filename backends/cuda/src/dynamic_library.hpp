// SPDX-License-Identifier: MIT
/// A library that is opened at run time, so that programs start without it and say what is missing.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// A shared library; it stays open until the process ends, because what it gave out may live as
/// long.
class DynamicLibrary {
 public:
  /// Opens the file that the environment variable names; where it names none, the first of `files`
  /// that the loader finds. Throws Error with the loader's reason when there is none.
  DynamicLibrary(const char* purpose, const char* variable, std::vector<const char*> files)
      : purpose_(purpose) {
    const char* named = std::getenv(variable);
    if (named != nullptr && *named != '\0') files = {named};
    std::string reason;
    for (const char* file : files) {
      library_ = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
      file_ = file;
      if (library_ != nullptr) return;
      if (reason.empty()) reason = ::dlerror();
    }
    throw Error(scoresde::detail::text(purpose_, " cannot be loaded: ", reason,
                                       ". Install it, add its folder ",
                                       "to LD_LIBRARY_PATH, or name the file in ", variable));
  }

  /// Sets `function` to the symbol. Throws Error when the library lacks it.
  template <class Function>
  void bind(Function*& function, const char* symbol) const {
    function = reinterpret_cast<Function*>(::dlsym(library_, symbol));
    scoresde::detail::require(function != nullptr, purpose_, ": ", file_, " has no ", symbol,
                              "; a newer release is needed");
  }

 private:
  std::string purpose_, file_;
  void* library_ = nullptr;
};

}  // namespace scoresde::cuda
