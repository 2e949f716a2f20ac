// SPDX-License-Identifier: MIT
/// Limits a reader's memory to a multiple of its input's size: bytes allocated by operator new are
/// counted.
///
///   peak bytes ≤ per_byte·size + 4096
///
/// To be included by only one source of a program, because it replaces operator new.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace scoresde::fuzz {

/// Bytes currently allocated by operator new, and their maximum.
inline std::size_t held = 0, peak = 0;

/// Calls read() and aborts if its memory exceeded the limit for an input of `size` bytes. Prints
/// the ratio if SCORESDE_FUZZ_RATIO is set in the environment.
template <class Read>
void with_limit(std::size_t size, std::size_t per_byte, const Read& read) {
  const std::size_t before = peak = held;
  read();
  const std::size_t taken = peak - before;
  static const bool prints = std::getenv("SCORESDE_FUZZ_RATIO") != nullptr;
  if (prints)
    std::printf("%zu of %zu: %.1f\n", taken, size,
                double(taken > 4096 ? taken - 4096 : 0) / double(std::max<std::size_t>(size, 1)));
  if (taken <= per_byte * size + 4096) return;
  std::fprintf(stderr, "%zu bytes of memory for an input of %zu\n", taken, size);
  std::abort();
}

inline void* allocate(std::size_t size) noexcept {
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory != nullptr) held += malloc_usable_size(memory);
  peak = std::max(peak, held);
  return memory;
}
inline void* allocate_or_throw(std::size_t size) {
  if (void* memory = allocate(size)) return memory;
  throw std::bad_alloc();
}
inline void release(void* memory) {
  if (memory != nullptr) held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace scoresde::fuzz

void* operator new(std::size_t size) { return scoresde::fuzz::allocate_or_throw(size); }
void* operator new[](std::size_t size) { return scoresde::fuzz::allocate_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return scoresde::fuzz::allocate(size);
}
void operator delete(void* memory) noexcept { scoresde::fuzz::release(memory); }
void operator delete[](void* memory) noexcept { scoresde::fuzz::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { scoresde::fuzz::release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { scoresde::fuzz::release(memory); }
