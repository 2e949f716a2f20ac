// SPDX-License-Identifier: MIT
/// UploadRing: pinned memory of the host that copies to a device pass through.
///
/// From pageable memory a copy may make the host wait for all work before it (CUDA Runtime API
/// 13.0, "API synchronization behavior"). From pinned memory it does not, but reads its bytes when
/// its turn comes. So bytes are put into the next of a ring of pinned slots, and a slot is written
/// again only when the copy out of it is done.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

namespace scoresde::cuda {

/// `Driver` is what CUDA does for it, in one stream:
///
///   void* pin(std::size_t bytes) noexcept      pinned memory, or null where there is none left
///   void unpin(void*) noexcept
///   Event make_event(), void destroy(Event) noexcept
///   void copy(void* to, const void* from, std::size_t bytes)    begins a copy to the device
///   void record(Event)                         after the copies begun so far
///   void wait(Event)                           for the copies before its last record
///   bool done(Event)                           whether wait() would return at once
///   void wait_for_all()
template <class Driver>
class UploadRing {
  using Event = decltype(std::declval<Driver&>().make_event());

 public:
  static constexpr std::size_t slots = 8;
  /// Bytes of the largest copy that goes through the ring.
  static constexpr std::size_t limit = std::size_t{4} << 20;

  explicit UploadRing(Driver driver) : driver_(std::move(driver)) {}
  UploadRing(const UploadRing&) = delete;
  UploadRing& operator=(const UploadRing&) = delete;
  /// The driver's stream must have done its work.
  ~UploadRing() {
    for (Slot& slot : slots_) {
      if (slot.memory != nullptr) driver_.unpin(slot.memory);
      if (slot.used) driver_.destroy(slot.event);
    }
  }

  /// Copies to the device; `from` has been read when it returns. Throws what the driver throws.
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

  /// How often copy() had to wait for the device.
  [[nodiscard]] std::size_t waits() const { return waits_; }

 private:
  struct Slot {
    void* memory = nullptr;
    std::size_t bytes = 0;
    Event event{};
    bool used = false;  // has an event
  };

  template <class Waiting>
  void wait(const Waiting& waiting) {
    ++waits_;
    waiting();
  }

  /// The next slot, of as many bytes and free; null where no memory can be pinned.
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
