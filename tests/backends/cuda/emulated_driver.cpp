// SPDX-License-Identifier: MIT
// A CUDA driver without a device that accepts kernels.
//
// cuDNN generates fused kernels with NVRTC and loads them into the driver before it finalizes a
// plan. This library, loaded as libcuda.so.1 on machines without one, accepts them, so that such
// plans can be built, measured and stored; functions that need a device return
// CUDA_ERROR_NO_DEVICE. It has the entry points that cuDNN 9 looks up, and the version in the
// environment variable SCORESDE_EMULATED_DRIVER_VERSION.
#include <cstdlib>

namespace {

constexpr int success = 0;
constexpr int no_device = 100;

// Handles that are not null and never dereferenced.
char library, kernel;

}  // namespace

extern "C" {

int cuDriverGetVersion(int* version) {
  const char* conditioning = std::getenv("SCORESDE_EMULATED_DRIVER_VERSION");
  *version = conditioning != nullptr ? std::atoi(conditioning) : 13000;
  return success;
}
int cuDeviceGetCount(int* count) {
  *count = 0;
  return no_device;
}
int cuGetErrorName(int, const char** text) {
  *text = "CUDA_ERROR_NO_DEVICE";
  return success;
}
int cuGetErrorString(int, const char** text) {
  *text = "the emulated driver has no device";
  return success;
}

int cuLibraryLoadData(void** loaded, const void*, void*, void*, unsigned, void*, void*, unsigned) {
  *loaded = &library;
  return success;
}
int cuLibraryUnload(void*) { return success; }
int cuLibraryGetKernel(void** found, void*, const char*) {
  *found = &kernel;
  return success;
}
int cuKernelSetAttribute(int, int, void*, int) { return success; }

#define SCORESDE_NEEDS_A_DEVICE(name) \
  int name() { return no_device; }

SCORESDE_NEEDS_A_DEVICE(cuCtxGetCurrent)
SCORESDE_NEEDS_A_DEVICE(cuCtxGetDevice)
SCORESDE_NEEDS_A_DEVICE(cuCtxGetLimit)
SCORESDE_NEEDS_A_DEVICE(cuCtxPopCurrent)
SCORESDE_NEEDS_A_DEVICE(cuCtxPushCurrent)
SCORESDE_NEEDS_A_DEVICE(cuDeviceGet)
SCORESDE_NEEDS_A_DEVICE(cuDeviceGetAttribute)
SCORESDE_NEEDS_A_DEVICE(cuDevicePrimaryCtxRelease)
SCORESDE_NEEDS_A_DEVICE(cuDevicePrimaryCtxReset)
SCORESDE_NEEDS_A_DEVICE(cuDevicePrimaryCtxRetain)
SCORESDE_NEEDS_A_DEVICE(cuFuncGetAttribute)
SCORESDE_NEEDS_A_DEVICE(cuFuncSetAttribute)
SCORESDE_NEEDS_A_DEVICE(cuInit)
SCORESDE_NEEDS_A_DEVICE(cuKernelGetAttribute)
SCORESDE_NEEDS_A_DEVICE(cuLaunchCooperativeKernel)
SCORESDE_NEEDS_A_DEVICE(cuLaunchKernel)
SCORESDE_NEEDS_A_DEVICE(cuLaunchKernelEx)
SCORESDE_NEEDS_A_DEVICE(cuLibraryLoadFromFile)
SCORESDE_NEEDS_A_DEVICE(cuLinkAddData)
SCORESDE_NEEDS_A_DEVICE(cuLinkAddData_v2)
SCORESDE_NEEDS_A_DEVICE(cuLinkAddFile_v2)
SCORESDE_NEEDS_A_DEVICE(cuLinkComplete)
SCORESDE_NEEDS_A_DEVICE(cuLinkCreate)
SCORESDE_NEEDS_A_DEVICE(cuLinkCreate_v2)
SCORESDE_NEEDS_A_DEVICE(cuLinkDestroy)
SCORESDE_NEEDS_A_DEVICE(cuMemcpyDtoH_v2)
SCORESDE_NEEDS_A_DEVICE(cuModuleGetFunction)
SCORESDE_NEEDS_A_DEVICE(cuModuleGetGlobal_v2)
SCORESDE_NEEDS_A_DEVICE(cuModuleLoadData)
SCORESDE_NEEDS_A_DEVICE(cuModuleLoadDataEx)
SCORESDE_NEEDS_A_DEVICE(cuModuleLoadFatBinary)
SCORESDE_NEEDS_A_DEVICE(cuModuleUnload)
SCORESDE_NEEDS_A_DEVICE(cuOccupancyMaxActiveBlocksPerMultiprocessor)
SCORESDE_NEEDS_A_DEVICE(cuOccupancyMaxPotentialClusterSize)
SCORESDE_NEEDS_A_DEVICE(cuStreamGetCtx)
SCORESDE_NEEDS_A_DEVICE(cuStreamSynchronize)
SCORESDE_NEEDS_A_DEVICE(cuTensorMapEncodeTiled)

}  // extern "C"
