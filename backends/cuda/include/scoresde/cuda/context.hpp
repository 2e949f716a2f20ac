// SPDX-License-Identifier: MIT
/// Context: one device, one stream of work on it, and the pool its memory comes from.
///
/// A plain C++ header: CUDA's own types stay behind it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

struct CUstream_st;  // what cudaStream_t points to

namespace scoresde::cuda {

/// cudaStream_t, without CUDA's header.
using Stream = CUstream_st*;

class Recording;

/// A handle: copies share the device's stream and memory, which live until the last copy and the
/// last state made with one are gone. Work of one context is done in the order it is asked for;
/// nothing waits for it but synchronize(), copies to the host and large ones to the device. A
/// context belongs to one thread at a time. What CUDA refuses is thrown as Error, in CUDA's words.
class Context {
 public:
  /// Throws Error that names the reason where there is no device `device`, or the driver is older
  /// than the CUDA version this library was built with.
  explicit Context(int device = 0);

  [[nodiscard]] int device() const;
  [[nodiscard]] Stream stream() const;
  /// Such as "NVIDIA H200, compute capability 9.0".
  [[nodiscard]] std::string name() const;

  /// Waits for all work asked for. Throws Error if some of it failed.
  void synchronize() const;
  /// How often the host has waited for the device so far, in a member of this or of a copy of it.
  [[nodiscard]] std::size_t waits() const;

  /// Makes the device current for the calling thread, as the members below do first.
  void activate() const;

  /// Memory of the pool, aligned to 256 bytes; null for 0 bytes. It may be handed out again as soon
  /// as the work asked for before its release is done. Throws Error, which leaves everything
  /// usable, if the device has not that much left, and while work is being captured.
  [[nodiscard]] void* allocate(std::size_t bytes) const;
  void release(void* memory) const noexcept;

  /// The host's bytes are read before it returns. Up to 4 MiB go through pinned memory, so that it
  /// waits for no work but, at times, for a copy that was asked for eight copies ago; more bytes
  /// wait for all work. Throws Error while work is being captured.
  void copy_to_device(void* to, const void* from, std::size_t bytes) const;
  /// Waits for the work before it, and for the bytes; throws Error while work is being captured.
  void copy_to_host(void* to, const void* from, std::size_t bytes) const;
  /// Zero bytes, as work of the stream.
  void clear(void* memory, std::size_t bytes) const;
  void copy_on_device(void* to, const void* from, std::size_t bytes) const;

  /// At least `bytes` of device memory for the next piece of work; what was lent before may be the
  /// same memory.
  [[nodiscard]] void* scratch(std::size_t bytes) const;
  /// The same on the host, for numbers on their way to the device.
  [[nodiscard]] double* host_scratch(std::size_t count) const;

  /// Where calls of states of this context are written down instead of done; null but while a
  /// CapturedSampler is made.
  [[nodiscard]] Recording* recording() const;
  void record(Recording* recording) const;

  [[nodiscard]] bool operator==(const Context&) const = default;

 private:
  /// Throws Error while work of this context is captured.
  void require_live(const char* what) const;

  struct Resources;
  std::shared_ptr<Resources> resources_;
};

/// How many devices the driver shows; 0, never an error, where there is no driver.
[[nodiscard]] int device_count();
/// Why there is none, in CUDA's words; empty where there is one.
[[nodiscard]] std::string why_no_device();

}  // namespace scoresde::cuda
