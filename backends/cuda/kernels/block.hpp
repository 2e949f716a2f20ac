// SPDX-License-Identifier: MIT
/// The thread-block interface of kernels: one kernel source for the device and for CPU tests.
///
/// A kernel is a small trivially copyable struct whose members are its arguments. It defines
///
///   static constexpr unsigned threads        threads per block, a multiple of 32
///   GridSize grid() const                    number of blocks
///   unsigned shared_bytes() const            total size of its block.shared() allocations, if any
///   template <class Block>
///   SCORESDE_DEVICE void operator()(Block& block) const
///
/// On the device Block is DeviceBlock below; in tests it is EmulatedBlock
/// (tests/support/cuda_emulation.hpp), which runs the same source on the CPU. Kernels therefore
/// communicate between threads only through `block`, never by CUDA built-ins. docs/cuda.md has an
/// example.
#pragma once

#include <scoresde/host_device.hpp>

namespace scoresde::cuda {

inline constexpr unsigned warp_size = 32;

/// Number of blocks, or index of a block.
struct GridSize {
  unsigned x = 1, y = 1, z = 1;
};

/// Bytes used by block.shared<T>(count); every array is 16-byte aligned.
template <class T>
SCORESDE_HOST_DEVICE constexpr unsigned shared_size(unsigned count) {
  return (count * static_cast<unsigned>(sizeof(T)) + 15u) / 16u * 16u;
}

/// Bytes of shared memory that a block of the kernel allocates.
template <class Kernel>
[[nodiscard]] unsigned shared_bytes_of(const Kernel& kernel) {
  if constexpr (requires { kernel.shared_bytes(); })
    return kernel.shared_bytes();
  else
    return 0;
}

/// The number of a thread among those of its row of blocks, for a kernel of `Threads` per block.
template <unsigned Threads, class Block>
SCORESDE_DEVICE unsigned thread_of_row(const Block& block) {
  return block.index().x * Threads + block.thread();
}

#if defined(__CUDACC__)

/// The implementation for the device.
class DeviceBlock {
 public:
  /// The type returned by shared(); kernels write `typename Block::template Shared<T>`.
  template <class T>
  using Shared = T*;

  __device__ unsigned thread() const { return threadIdx.x; }
  __device__ unsigned threads() const { return blockDim.x; }
  __device__ unsigned lane() const { return threadIdx.x % warp_size; }
  __device__ unsigned warp() const { return threadIdx.x / warp_size; }
  __device__ GridSize index() const { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
  __device__ GridSize grid() const { return {gridDim.x, gridDim.y, gridDim.z}; }

  /// Block-wide barrier; all threads must reach the same call. Makes earlier writes visible.
  __device__ void sync() { __syncthreads(); }
  /// The same for a warp.
  __device__ void sync_warp() { __syncwarp(); }

  /// The value of lane `from` of the same segment of `width` lanes (a power of 2). All 32 threads
  /// of the warp must participate, as in the two functions below.
  template <class T>
  __device__ T shuffle(T value, unsigned from, unsigned width = warp_size) {
    return __shfl_sync(~0u, value, static_cast<int>(from), static_cast<int>(width));
  }
  /// The value of lane (lane xor mask).
  template <class T>
  __device__ T shuffle_xor(T value, unsigned mask) {
    return __shfl_xor_sync(~0u, value, static_cast<int>(mask));
  }
  /// The value of lane + by, or the thread's own value past the end of its `width`-lane segment.
  template <class T>
  __device__ T shuffle_down(T value, unsigned by, unsigned width = warp_size) {
    return __shfl_down_sync(~0u, value, by, static_cast<int>(width));
  }
  /// Bit i is the predicate of lane i of the warp.
  __device__ unsigned ballot(bool predicate) { return __ballot_sync(~0u, predicate); }

  /// Allocates `count` elements of the block's shared memory, uninitialized and 16-byte aligned.
  /// All threads must make the same calls in the same order.
  template <class T>
  __device__ T* shared(unsigned count) {
    extern __shared__ __align__(16) unsigned char shared_memory[];
    T* const first = reinterpret_cast<T*>(shared_memory + taken_);
    taken_ += shared_size<T>(count);
    return first;
  }

  /// Atomic *where ← *where + value; returns the old value. For integers only: floating-point sums
  /// would depend on the order of the threads.
  template <class T>
  __device__ T atomic_add(T* where, T value) {
    return atomicAdd(where, value);
  }

 private:
  unsigned taken_ = 0;
};

#endif

}  // namespace scoresde::cuda
