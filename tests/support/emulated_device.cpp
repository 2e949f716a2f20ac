// SPDX-License-Identifier: MIT
/// Context and Graph on host memory: the counterparts of context.cpp and graph.cpp.
#include "support/emulated_device.hpp"

#include <cstdlib>
#include <cstring>
#include <vector>

#include <scoresde/cuda/graph.hpp>
#include <scoresde/error.hpp>

#include "upload_ring.hpp"

namespace scoresde::cuda {
namespace {

/// Copies are immediate.
struct UploadDriver {
  void* pin(std::size_t bytes) noexcept { return std::malloc(bytes); }
  void unpin(void* memory) noexcept { std::free(memory); }
  int make_event() { return 0; }
  void destroy(int) noexcept {}
  void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  void record(int) {}
  void wait(int) {}
  bool done(int) { return true; }
  void wait_for_all() {}
};

}  // namespace

struct Context::Resources {
  CUstream_st stream;
  UploadRing<UploadDriver> uploads{UploadDriver{}};
  std::size_t waits = 0;
  std::vector<double> host_scratch;
  void* scratch = nullptr;
  std::size_t scratch_bytes = 0;
  detail::Recording* recording = nullptr;

  ~Resources() { std::free(scratch); }
};

int device_count() { return 1; }
std::string why_no_device() { return ""; }

Context::Context(int device) : resources_(std::make_shared<Resources>()) {
  require(device == 0, "CUDA: device is ", device, "; it must be in [0, 0]");
}

int Context::device() const { return 0; }
Stream Context::stream() const { return &resources_->stream; }
std::string Context::name() const { return "emulated device"; }
void Context::synchronize() const {
  require_live("waiting for the device");
  ++resources_->waits;
}
std::size_t Context::waits() const { return resources_->waits + resources_->uploads.waits(); }
void Context::activate() const {}

/// Filled with NaN, and of exactly the requested size so that AddressSanitizer detects overruns.
void* Context::allocate(std::size_t bytes) const {
  require_live("allocating device memory");
  if (bytes == 0) return nullptr;
  constexpr std::size_t all = std::size_t{1} << 30;
  void* memory = nullptr;
  require(bytes <= all && posix_memalign(&memory, 256, bytes) == 0, "CUDA: allocating ", bytes,
          " bytes on device 0 failed: cudaErrorMemoryAllocation: out of memory");
  std::memset(memory, 0xff, bytes);
  return memory;
}
void Context::release(void* memory) const noexcept { std::free(memory); }

void Context::copy_to_device(void* to, const void* from, std::size_t bytes) const {
  require_live("copying to the device");
  resources_->uploads.copy(to, from, bytes);
}
void Context::copy_to_host(void* to, const void* from, std::size_t bytes) const {
  require_live("copying to the host");
  ++resources_->waits;
  if (bytes > 0) std::memcpy(to, from, bytes);
}
void Context::clear(void* memory, std::size_t bytes) const {
  run_emulated(stream(), [=] {
    if (bytes > 0) std::memset(memory, 0, bytes);
  });
}
void Context::copy_on_device(void* to, const void* from, std::size_t bytes) const {
  require(recording() == nullptr, "CUDA: copying a state is not supported while a run is captured");
  run_emulated(stream(), [=] {
    if (bytes > 0) std::memcpy(to, from, bytes);
  });
}

void* Context::scratch(std::size_t bytes) const {
  if (bytes > resources_->scratch_bytes) {
    release(std::exchange(resources_->scratch, nullptr));
    resources_->scratch = allocate(bytes);
    resources_->scratch_bytes = bytes;
  }
  return resources_->scratch;
}
double* Context::host_scratch(std::size_t count) const {
  resources_->host_scratch.resize(count);
  return resources_->host_scratch.data();
}

detail::Recording* Context::recording() const { return resources_->recording; }
void Context::record(detail::Recording* recording) const { resources_->recording = recording; }

void Context::require_live(const char* what) const {
  require(stream()->captured == nullptr && recording() == nullptr, "CUDA: ", what,
          " is not supported while a run is captured: it cannot be replayed");
}

struct Graph::Executable {
  Context context;
  std::vector<std::function<void()>> work;
};

Graph::Graph(const Context& context, const void* work, void (*call)(const void*)) {
  auto executable = std::make_shared<Executable>(Executable{context, {}});
  struct Guard {
    CUstream_st& stream;
    ~Guard() { stream.captured = nullptr; }
  } guard{*context.stream()};
  guard.stream.captured = &executable->work;
  call(work);
  executable_ = std::move(executable);
}

void Graph::launch() const {
  for (const auto& piece : executable_->work) piece();
}

}  // namespace scoresde::cuda
