// SPDX-License-Identifier: MIT
/// UploadRing: a ring of pinned host buffers for copies to a device.
///
/// A copy from pageable memory may make the host wait for all earlier work (CUDA Runtime API 13.0,
/// "API synchronization behavior"). A copy from pinned memory does not, but reads its source when
/// it is executed. Bytes are therefore staged in the next of a ring of pinned slots, and a slot is
/// reused only after its copy is done.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

namespace scoresde::cuda {

/// `Driver` wraps the CUDA functions for one stream:
///
///   void* pin(std::size_t bytes) noexcept      pinned memory, or null if none is available
///   void unpin(void*) noexcept
///   Event make_event(), void destroy(Event) noexcept
///   void copy(void* to, const void* from, std::size_t bytes)    enqueues a copy to the device
///   void record(Event)                         after all copies enqueued so far
///   void wait(Event)                           until the copies before its last record are done
///   bool done(Event)                           whether wait() would return immediately
///   void wait_for_all()
template <class Driver>
class UploadRing {
  using Event = decltype(std::declval<Driver&>().make_event());

 public:
  static constexpr std::size_t slots = 8;
  /// Size in bytes of the largest copy that is staged.
  static constexpr std::size_t limit = std::size_t{4} << 20;

  explicit UploadRing(Driver driver) : driver_(std::move(driver)) {}
  UploadRing(const UploadRing&) = delete;
  UploadRing& operator=(const UploadRing&) = delete;
  /// All work of the driver's stream must be done.
  ~UploadRing() {
    for (Slot& slot : slots_) {
      if (slot.memory != nullptr) driver_.unpin(slot.memory);
      if (slot.used) driver_.destroy(slot.event);
    }
  }

  /// Copies to the device; `from` may be reused on return. Rethrows exceptions of the driver.
  void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    Slot* const slot = bytes <= limit ? next(bytes) : nullptr;
    if (slot == nullptr) {
      driver_.copy(to, from, bytes);
      wait([&] { driver_.wait_for_all(); });
      return;
    }
    std::memcpy(slot->memory, from, bytes);
    driver_.copy(to, slot->memory, bytes);
    driver_.record(slot->event);
  }

  /// Number of times that copy() waited for the device.
  [[nodiscard]] std::size_t waits() const { return waits_; }

 private:
  struct Slot {
    void* memory = nullptr;
    std::size_t bytes = 0;
    Event event{};
    bool used = false;  // event is valid
  };

  template <class Waiting>
  void wait(const Waiting& waiting) {
    ++waits_;
    waiting();
  }

  /// The next slot, free and large enough; null if no memory can be pinned.
  Slot* next(std::size_t bytes) {
    Slot& slot = slots_[next_];
    if (slot.used && !driver_.done(slot.event)) wait([&] { driver_.wait(slot.event); });
    if (slot.bytes < bytes) {
      const std::size_t size = std::max(std::bit_ceil(bytes), std::size_t{4096});
      if (slot.memory != nullptr) driver_.unpin(std::exchange(slot.memory, nullptr));
      slot.memory = driver_.pin(size);
      slot.bytes = slot.memory != nullptr ? size : 0;
      if (slot.memory == nullptr) return nullptr;
    }
    if (!slot.used) {
      slot.event = driver_.make_event();
      slot.used = true;
    }
    next_ = (next_ + 1) % slots;
    return &slot;
  }

  Driver driver_;
  std::array<Slot, slots> slots_{};
  std::size_t next_ = 0, waits_ = 0;
};

}  // namespace scoresde::cuda
