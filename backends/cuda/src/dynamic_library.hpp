// SPDX-License-Identifier: MIT
/// A library loaded at run time, so that programs start without it and can report that it is
/// missing.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// A shared library. It is never closed, because objects that it created may live until exit.
class DynamicLibrary {
 public:
  /// Loads the file in the environment variable or, if that is not set, the first of `files` that
  /// the loader finds. Throws Error with the loader's message if there is none.
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
    throw Error(scoresde::text(purpose_, " cannot be loaded: ", reason,
                               "; install it, add its directory ",
                               "to LD_LIBRARY_PATH, or set the file in ", variable));
  }

  /// Sets `function` to the symbol. Throws Error if the library does not have it.
  template <class Function>
  void bind(Function*& function, const char* symbol) const {
    function = reinterpret_cast<Function*>(::dlsym(library_, symbol));
    scoresde::require(function != nullptr, purpose_, ": ", file_, " has no ", symbol,
                      "; a newer release is required");
  }

 private:
  std::string purpose_, file_;
  void* library_ = nullptr;
};

}  // namespace scoresde::cuda
