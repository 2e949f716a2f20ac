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

/// A handle: copies share the device's stream and memory, which live until the last copy and the
/// last state made with one are gone. Work of one context is done in the order it is asked for;
/// nothing waits for it but synchronize() and copies to the host. A context belongs to one thread
/// at a time.
class Context {
 public:
  /// Throws Error that names the reason where there is no device `device`, the driver is older than
  /// the CUDA version this library was built with, or no kernel of it runs on the device.
  explicit Context(int device = 0);

  [[nodiscard]] int device() const;
  [[nodiscard]] Stream stream() const;
  /// Such as "NVIDIA H200, compute capability 9.0".
  [[nodiscard]] std::string name() const;

  /// Waits for all work asked for. Throws Error if some of it failed.
  void synchronize() const;

  /// Makes the device current for the calling thread, as every launcher of the library does first.
  void activate() const;

  /// Memory of the pool, aligned to 256 bytes; it may be handed out again as soon as the work asked
  /// for before its release is done. Throws Error, which leaves everything usable, if the device
  /// has not that much left.
  [[nodiscard]] void* allocate(std::size_t bytes) const;
  void release(void* memory) const noexcept;

  [[nodiscard]] bool operator==(const Context&) const = default;

 private:
  struct Resources;
  std::shared_ptr<const Resources> resources_;
};

/// How many devices the driver shows; 0, never an error, where there is no driver.
[[nodiscard]] int device_count();
/// Why there is none, in CUDA's words; empty where there is one.
[[nodiscard]] std::string why_no_device();

}  // namespace scoresde::cuda
