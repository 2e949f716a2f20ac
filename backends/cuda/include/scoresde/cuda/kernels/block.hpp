// SPDX-License-Identifier: MIT
/// The block of threads that a kernel is written against, one text for the device and for tests.
///
/// A kernel is a small trivially copyable struct. Its members are its arguments, and it says
///
///   static constexpr unsigned threads        threads in a block, a multiple of 32
///   GridSize grid() const                    how many blocks
///   unsigned shared_bytes() const            what its calls of block.shared take together
///   template <class Block>
///   SCORESDE_DEVICE void operator()(Block& block) const
///
/// On the device Block is DeviceBlock below; in tests it is EmulatedBlock
/// (tests/support/cuda_emulation.hpp), under which the same text runs on the CPU. So a kernel
/// speaks to other threads through `block` alone, never through CUDA's own names. docs/cuda.md has
/// an example.
#pragma once

#include <scoresde/host_device.hpp>

namespace scoresde::cuda {

inline constexpr unsigned warp_size = 32;

/// The number of blocks, or which of them a block is.
struct GridSize {
  unsigned x = 1, y = 1, z = 1;
};

/// Bytes that block.shared<T>(count) takes: every array begins at a multiple of 16.
template <class T>
SCORESDE_HOST_DEVICE constexpr unsigned shared_size(unsigned count) {
  return (count * static_cast<unsigned>(sizeof(T)) + 15u) / 16u * 16u;
}

#if defined(__CUDACC__)

/// The block that runs on the device.
class DeviceBlock {
 public:
  /// What shared() returns; a kernel names it `typename Block::template Shared<T>`.
  template <class T>
  using Shared = T*;

  __device__ unsigned thread() const { return threadIdx.x; }
  __device__ unsigned threads() const { return blockDim.x; }
  __device__ unsigned lane() const { return threadIdx.x % warp_size; }
  __device__ unsigned warp() const { return threadIdx.x / warp_size; }
  __device__ GridSize index() const { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
  __device__ GridSize grid() const { return {gridDim.x, gridDim.y, gridDim.z}; }

  /// All threads of the block meet here, at this one call; what they wrote before is then seen.
  __device__ void sync() { __syncthreads(); }
  /// The same for the 32 threads of a warp.
  __device__ void sync_warp() { __syncwarp(); }

  /// The value of lane `from` of the same segment of `width` lanes (a power of 2). All 32 threads
  /// of the warp take part, as in the two below.
  template <class T>
  __device__ T shuffle(T value, unsigned from, unsigned width = warp_size) {
    return __shfl_sync(~0u, value, static_cast<int>(from), static_cast<int>(width));
  }
  /// The value of lane (lane xor mask).
  template <class T>
  __device__ T shuffle_xor(T value, unsigned mask) {
    return __shfl_xor_sync(~0u, value, static_cast<int>(mask));
  }
  /// The value of lane + by, or the thread's own past the end of the segment of `width` lanes.
  template <class T>
  __device__ T shuffle_down(T value, unsigned by, unsigned width = warp_size) {
    return __shfl_down_sync(~0u, value, by, static_cast<int>(width));
  }
  /// Bit i: the predicate of lane i of the warp.
  __device__ unsigned ballot(bool predicate) { return __ballot_sync(~0u, predicate); }

  /// The next `count` elements of the block's shared memory, uninitialised and aligned to 16 bytes.
  /// All threads make the same calls in the same order.
  template <class T>
  __device__ T* shared(unsigned count) {
    extern __shared__ __align__(16) unsigned char shared_memory[];
    T* const first = reinterpret_cast<T*>(shared_memory + taken_);
    taken_ += shared_size<T>(count);
    return first;
  }

  /// *where ← *where + value as one indivisible step; returns what was there. For integers: sums of
  /// floating-point numbers would depend on who comes first.
  template <class T>
  __device__ T atomic_add(T* where, T value) {
    return atomicAdd(where, value);
  }

 private:
  unsigned taken_ = 0;
};

#endif

}  // namespace scoresde::cuda
