// SPDX-License-Identifier: MIT
/// Context: device, stream and memory pool.
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <scoresde/cuda/context.hpp>

#include "check.hpp"
#include "upload_ring.hpp"

namespace scoresde::cuda {
namespace {

/// The CUDA functions used by UploadRing.
struct UploadDriver {
  cudaStream_t stream;

  void* pin(std::size_t bytes) const noexcept {
    void* memory = nullptr;
    if (cudaMallocHost(&memory, bytes) == cudaSuccess) return memory;
    static_cast<void>(cudaGetLastError());
    return nullptr;
  }
  void unpin(void* memory) const noexcept { cudaFreeHost(memory); }
  cudaEvent_t make_event() const {
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
    return event;
  }
  void destroy(cudaEvent_t event) const noexcept { cudaEventDestroy(event); }
  void copy(void* to, const void* from, std::size_t bytes) const {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "copying ", bytes,
          " bytes to the device");
  }
  void record(cudaEvent_t event) const {
    check(cudaEventRecord(event, stream), "recording an event");
  }
  void wait(cudaEvent_t event) const {
    check(cudaEventSynchronize(event), "waiting for a copy to the device");
  }
  bool done(cudaEvent_t event) const {
    const cudaError_t error = cudaEventQuery(event);
    if (error != cudaErrorNotReady) check(error, "querying a copy to the device");
    return error == cudaSuccess;
  }
  void wait_for_all() const { check(cudaStreamSynchronize(stream), "work on the device"); }
};

std::string version_text(int version) {
  return scoresde::text(version / 1000, ".", version % 1000 / 10);
}

/// One message for every cause: no driver, a driver that is too old, no device.
std::string reason(cudaError_t error) {
  if (error != cudaErrorInsufficientDriver) return error_text(error);
  int driver = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));
  if (driver == 0) return scoresde::text(error_text(error), " (no driver is installed)");
  return scoresde::text(error_text(error), " (the driver supports CUDA ", version_text(driver),
                        "; this library was built with ", version_text(CUDART_VERSION), ")");
}

cudaError_t count(int& devices) {
  devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  static_cast<void>(cudaGetLastError());
  return error;
}

}  // namespace

struct Context::Resources {
  int device = 0;
  cudaStream_t stream = nullptr;
  cudaMemPool_t pool = nullptr;
  void* scratch = nullptr;
  std::size_t scratch_bytes = 0;
  std::vector<double> host_scratch;
  std::optional<UploadRing<UploadDriver>> uploads;
  std::size_t waits = 0;  // excluding those of uploads
  detail::Recording* recording = nullptr;

  explicit Resources(int wanted) : device(wanted) {
    check(cudaSetDevice(device), "selecting device ", device);
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
    uploads.emplace(UploadDriver{stream});
    try {
      make_pool();
    } catch (...) {
      cudaStreamDestroy(stream);
      throw;
    }
  }
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;
  ~Resources() {
    if (scratch != nullptr) cudaFreeAsync(scratch, stream);
    cudaStreamSynchronize(stream);
    uploads.reset();
    cudaMemPoolDestroy(pool);
    cudaStreamDestroy(stream);
  }

  void make_pool() {
    int supported = 0;
    check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device),
          "querying memory pool support");
    require(supported != 0, "CUDA: device ", device,
            " has no memory pools; a driver that supports cudaMallocAsync is required");
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, device};
    check(cudaMemPoolCreate(&pool, &properties), "creating a memory pool");
    // Keep released memory for the next state; the system call is about 1000 times slower.
    std::uint64_t keep = std::numeric_limits<std::uint64_t>::max();
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep),
          "configuring a memory pool");
  }
};

int device_count() {
  int devices = 0;
  return count(devices) == cudaSuccess ? devices : 0;
}

std::string why_no_device() {
  int devices = 0;
  const cudaError_t error = count(devices);
  if (error != cudaSuccess) return reason(error);
  return devices > 0 ? "" : reason(cudaErrorNoDevice);
}

Context::Context(int device) {
  const std::string why = why_no_device();
  require(why.empty(), "CUDA: no device can be used: ", why);
  const int devices = device_count();
  require(device >= 0 && device < devices, "CUDA: device is ", device, "; it must be in [0, ",
          devices - 1, "]");
  resources_ = std::make_shared<Resources>(device);
}

int Context::device() const { return resources_->device; }
Stream Context::stream() const { return resources_->stream; }

std::string Context::name() const {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device()), "querying device properties");
  return scoresde::text(static_cast<const char*>(properties.name), ", compute capability ",
                        properties.major, ".", properties.minor);
}

void Context::synchronize() const {
  activate();
  ++resources_->waits;
  check(cudaStreamSynchronize(stream()), "work on the device");
}

std::size_t Context::waits() const { return resources_->waits + resources_->uploads->waits(); }

void Context::activate() const { check(cudaSetDevice(device()), "selecting device ", device()); }

void* Context::allocate(std::size_t bytes) const {
  require_live("allocating device memory");
  void* memory = nullptr;
  if (bytes > 0)
    check(cudaMallocFromPoolAsync(&memory, bytes, resources_->pool, stream()), "allocating ", bytes,
          " bytes on device ", device());
  return memory;
}

void Context::release(void* memory) const noexcept {
  if (memory != nullptr) cudaFreeAsync(memory, stream());
}

void Context::copy_to_device(void* to, const void* from, std::size_t bytes) const {
  require_live("copying to the device");
  resources_->uploads->copy(to, from, bytes);
}

void Context::copy_to_host(void* to, const void* from, std::size_t bytes) const {
  require_live("copying to the host");
  if (bytes > 0)
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()), "copying ", bytes,
          " bytes to the host");
  synchronize();
}

void Context::clear(void* memory, std::size_t bytes) const {
  activate();
  if (bytes > 0) check(cudaMemsetAsync(memory, 0, bytes, stream()), "clearing device memory");
}

void Context::copy_on_device(void* to, const void* from, std::size_t bytes) const {
  activate();
  require(recording() == nullptr, "CUDA: copying a state is not supported while a run is captured");
  if (bytes > 0)
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()), "copying ", bytes,
          " bytes on the device");
}

void* Context::scratch(std::size_t bytes) const {
  if (bytes > resources_->scratch_bytes) {
    void* const larger = allocate(bytes);
    release(resources_->scratch);
    resources_->scratch = larger;
    resources_->scratch_bytes = bytes;
  }
  return resources_->scratch;
}

double* Context::host_scratch(std::size_t count) const {
  std::vector<double>& kept = resources_->host_scratch;
  if (kept.size() < count) kept.resize(count);
  return kept.data();
}

detail::Recording* Context::recording() const { return resources_->recording; }
void Context::record(detail::Recording* recording) const { resources_->recording = recording; }

void Context::require_live(const char* what) const {
  activate();
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream(), &status), "querying the capture status");
  require(status == cudaStreamCaptureStatusNone && resources_->recording == nullptr, "CUDA: ", what,
          " is not supported while a run is captured: it cannot "
          "be replayed");
}

}  // namespace scoresde::cuda
