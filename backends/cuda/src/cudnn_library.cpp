// SPDX-License-Identifier: MIT
/// Loads cuDNN and reads its errors.
#include "cudnn_library.hpp"

#include <array>
#include <string>

#include "dynamic_library.hpp"

namespace scoresde::cuda {
namespace {

using scoresde::require;
using scoresde::text;

CudnnLibrary open_cudnn() {
  const DynamicLibrary file("cuDNN, which computes convolutions,", "SCORESDE_CUDNN_LIBRARY",
                            {"libcudnn.so.9", SCORESDE_CUDNN_FOUND_AT});
  CudnnLibrary library;
  file.bind(library.get_version, "cudnnGetVersion");
  file.bind(library.get_error_string, "cudnnGetErrorString");
  file.bind(library.get_last_error_string, "cudnnGetLastErrorString");
  file.bind(library.create, "cudnnCreate");
  file.bind(library.destroy, "cudnnDestroy");
  file.bind(library.set_stream, "cudnnSetStream");
  file.bind(library.create_descriptor, "cudnnBackendCreateDescriptor");
  file.bind(library.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  file.bind(library.finalize, "cudnnBackendFinalize");
  file.bind(library.set_attribute, "cudnnBackendSetAttribute");
  file.bind(library.get_attribute, "cudnnBackendGetAttribute");
  file.bind(library.execute, "cudnnBackendExecute");
  library.version = library.get_version();
  require(library.version / 10000 == 9, "cuDNN: the library is of release ",
          library.version / 10000, "; it must be 9");
  return library;
}

}  // namespace

const CudnnLibrary& cudnn() {
  static const CudnnLibrary library = open_cudnn();
  return library;
}

std::string cudnn_reason(cudnnStatus_t status) {
  std::array<char, 1024> last{};
  cudnn().get_last_error_string(last.data(), last.size() - 1);
  std::string reason = cudnn().get_error_string(status);
  if (last[0] != '\0') reason += text(": ", last.data());
  return reason;
}

}  // namespace scoresde::cuda
