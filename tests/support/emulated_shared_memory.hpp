// SPDX-License-Identifier: MIT
/// Shared memory of an emulated block: each access is checked for bounds, for a preceding write,
/// and for a barrier between it and accesses of other threads to the element.
///
/// Two accesses of one element by different threads, at least one of them a write, require a block
/// barrier between them, or a warp barrier if both threads are of one warp. The check does not
/// depend on the order in which the threads run.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde::testing {

/// An error of a kernel, which a device may or may not detect.
class EmulationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class... Parts>
void emulation_require(bool condition, const Parts&... parts) {
  if (!condition) throw EmulationError(scoresde::text(parts...));
}

/// A thread, and the numbers of block and warp barriers that it has passed.
struct Moment {
  unsigned thread = 0, warp = 0;
  std::size_t block_epoch = 0, warp_epoch = 0;

  [[nodiscard]] bool ordered_before(const Moment& later) const {
    return thread == later.thread || block_epoch < later.block_epoch ||
           (warp == later.warp && warp_epoch < later.warp_epoch);
  }
};

/// One array of shared memory and the history of its elements.
class SharedStorage {
 public:
  SharedStorage(std::size_t count, std::size_t element_size)
      : count_(count),
        element_size_(element_size),
        bytes_((count * element_size + sizeof(Chunk) - 1) / sizeof(Chunk)),
        history_(count) {
    std::memset(bytes_.data(), 0xff, bytes_.size() * sizeof(Chunk));  // NaN
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t element_size() const { return element_size_; }
  [[nodiscard]] void* at(std::size_t i) {
    return reinterpret_cast<std::byte*>(bytes_.data()) + i * element_size_;
  }

  void read(std::size_t i, const Moment& now) {
    History& history = find(i, now);
    emulation_require(history.written, "thread ", now.thread, " reads element ", i,
                      " of shared memory, which has not been written");
    emulation_require(history.writer.ordered_before(now), "no barrier between thread ",
                      history.writer.thread, " writing element ", i,
                      " of shared memory and thread ", now.thread, " reading it");
    for (Moment& reader : history.readers)
      if (reader.thread == now.thread) {
        reader = now;
        return;
      }
    history.readers.push_back(now);
  }

  void write(std::size_t i, const Moment& now) {
    History& history = find(i, now);
    emulation_require(!history.written || history.writer.ordered_before(now),
                      "no barrier between threads ", history.writer.thread, " and ", now.thread,
                      ", which both write element ", i, " of shared memory");
    for (const Moment& reader : history.readers)
      emulation_require(reader.ordered_before(now), "no barrier between thread ", reader.thread,
                        " reading element ", i, " of shared memory and thread ", now.thread,
                        " writing it");
    history.readers.clear();
    history.written = true;
    history.writer = now;
  }

 private:
  struct alignas(16) Chunk {
    std::byte byte[16];
  };
  struct History {
    bool written = false;
    Moment writer;
    std::vector<Moment> readers;  // since the last write and the last block barrier
  };

  History& find(std::size_t i, const Moment& now) {
    emulation_require(i < count_, "thread ", now.thread, " accesses element ", i,
                      " of an array of ", count_, " in shared memory");
    History& history = history_[i];
    if (!history.readers.empty() && history.readers.front().block_epoch < now.block_epoch)
      history.readers.clear();
    return history;
  }

  std::size_t count_, element_size_;
  std::vector<Chunk> bytes_;
  std::vector<History> history_;
};

/// The current moment of the running thread.
class Clock {
 public:
  [[nodiscard]] Moment now() const { return {thread, warp(), block_epoch, warp_epochs[warp()]}; }
  [[nodiscard]] unsigned warp() const { return thread / 32; }

  unsigned thread = 0;
  std::size_t block_epoch = 0;
  std::vector<std::size_t> warp_epochs;
};

/// One element, in place of T& on the device.
template <class T>
class SharedReference {
 public:
  SharedReference(SharedStorage& storage, const Clock& clock, std::size_t i)
      : storage_(&storage), clock_(&clock), i_(i) {}
  SharedReference(const SharedReference&) = default;

  operator T() const {
    storage_->read(i_, clock_->now());
    T value;
    std::memcpy(&value, storage_->at(i_), sizeof(T));
    return value;
  }
  const SharedReference& operator=(const T& value) const {
    storage_->write(i_, clock_->now());
    std::memcpy(storage_->at(i_), &value, sizeof(T));
    return *this;
  }
  SharedReference& operator=(const SharedReference& other) {
    *this = static_cast<T>(other);
    return *this;
  }
  const SharedReference& operator+=(const T& value) const { return *this = T(*this) + value; }
  const SharedReference& operator-=(const T& value) const { return *this = T(*this) - value; }
  const SharedReference& operator*=(const T& value) const { return *this = T(*this) * value; }

 private:
  SharedStorage* storage_;
  const Clock* clock_;
  std::size_t i_;
};

/// An array or the rest of one, in place of T* on the device.
template <class T>
class SharedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SharedArray(SharedStorage& storage, const Clock& clock, std::size_t first)
      : storage_(&storage), clock_(&clock), first_(first) {}

  [[nodiscard]] SharedReference<T> operator[](std::size_t i) const {
    return {*storage_, *clock_, first_ + i};
  }
  [[nodiscard]] SharedReference<T> operator*() const { return (*this)[0]; }
  [[nodiscard]] SharedArray operator+(std::size_t offset) const {
    return {*storage_, *clock_, first_ + offset};
  }

  /// Atomic *this ← *this + value without a check for barriers; returns the old value.
  T atomic_add(T value) const {
    emulation_require(first_ < storage_->count(), "an atomic addition to element ", first_,
                      " of an array of ", storage_->count(), " in shared memory");
    T old, sum;
    std::memcpy(&old, storage_->at(first_), sizeof(T));
    sum = old + value;
    std::memcpy(storage_->at(first_), &sum, sizeof(T));
    return old;
  }

 private:
  SharedStorage* storage_;
  const Clock* clock_;
  std::size_t first_;
};

}  // namespace scoresde::testing
