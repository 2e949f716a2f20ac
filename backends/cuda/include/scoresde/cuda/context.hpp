// SPDX-License-Identifier: MIT
/// Context: a device, a stream on it, and the memory pool that allocations come from.
///
/// A plain C++ header that does not include CUDA's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

struct CUstream_st;  // the type that cudaStream_t points to

namespace scoresde::cuda {

/// cudaStream_t, without CUDA's header.
using Stream = CUstream_st*;

namespace detail {
class Recording;
}

/// A handle: copies share stream and memory pool, which live until the last copy and the last state
/// created with one are destroyed. Work is executed in the order in which it is enqueued. The host
/// waits only in synchronize(), in copies to the host and in large copies to the device. A context
/// must be used by one thread at a time. CUDA errors are thrown as Error with CUDA's message.
class Context {
 public:
  /// Throws Error with the reason if `device` does not exist or the driver is older than the CUDA
  /// version that this library was built with.
  explicit Context(int device = 0);

  [[nodiscard]] int device() const;
  [[nodiscard]] Stream stream() const;
  /// For example "NVIDIA H200, compute capability 9.0".
  [[nodiscard]] std::string name() const;

  /// Waits for all enqueued work. Throws Error if any of it failed.
  void synchronize() const;
  /// Number of times the host has waited for the device in members of this context or its copies.
  [[nodiscard]] std::size_t waits() const;

  /// Makes the device current for the calling thread; the members below do this themselves.
  void activate() const;

  /// Memory from the pool, aligned to 256 bytes; null for 0 bytes. Released memory is reused once
  /// the work enqueued before the release is done. Throws Error if the device does not have enough
  /// memory (the context remains usable) and during stream capture.
  [[nodiscard]] void* allocate(std::size_t bytes) const;
  void release(void* memory) const noexcept;

  /// The host memory may be reused on return. Copies of up to 4 MiB are staged in pinned memory and
  /// wait at most for the copy enqueued eight copies earlier; larger copies wait for all work.
  /// Throws Error during stream capture.
  void copy_to_device(void* to, const void* from, std::size_t bytes) const;
  /// Waits for all enqueued work and the copy. Throws Error during stream capture.
  void copy_to_host(void* to, const void* from, std::size_t bytes) const;
  /// Fills `bytes` bytes with zeros, asynchronously.
  void clear(void* memory, std::size_t bytes) const;
  void copy_on_device(void* to, const void* from, std::size_t bytes) const;

  /// At least `bytes` of device memory for the next operation; invalidates earlier results of
  /// scratch().
  [[nodiscard]] void* scratch(std::size_t bytes) const;
  /// The same in host memory, for values to be copied to the device.
  [[nodiscard]] double* host_scratch(std::size_t count) const;

  /// The recording that receives operations on states of this context instead of the stream; null
  /// except while a CapturedSampler is constructed.
  [[nodiscard]] detail::Recording* recording() const;
  void record(detail::Recording* recording) const;

  [[nodiscard]] bool operator==(const Context&) const = default;

 private:
  /// Throws Error during stream capture.
  void require_live(const char* what) const;

  struct Resources;
  std::shared_ptr<Resources> resources_;
};

/// Number of devices visible to the driver; 0 (without throwing) if there is no driver.
[[nodiscard]] int device_count();
/// CUDA's message why there is no device; empty if there is one.
[[nodiscard]] std::string why_no_device();

}  // namespace scoresde::cuda
