// SPDX-License-Identifier: MIT
/// Copies through pinned memory to a device that executes them as late as possible.
#include "upload_ring.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "support/catch.hpp"

using scoresde::cuda::UploadRing;

namespace {

/// Reads a copy's source only in a wait, which is as late as CUDA may.
struct LateDevice {
  std::vector<std::function<void()>> asked;
  std::size_t done = 0, pinned = 0, events = 0, pinned_ever = 0;
  bool has_memory = true;
  std::map<std::size_t, std::size_t> recorded;  // event to number of copies before it

  void advance(std::size_t count) {
    for (; done < count; ++done) asked[done]();
  }
};

struct LateDriver {
  LateDevice* device;

  void* pin(std::size_t bytes) noexcept {
    if (!device->has_memory) return nullptr;
    ++device->pinned;
    ++device->pinned_ever;
    return std::malloc(bytes);
  }
  void unpin(void* memory) noexcept {
    --device->pinned;
    std::free(memory);
  }
  std::size_t make_event() { return device->events++; }
  void destroy(std::size_t) noexcept { --device->events; }
  void copy(void* to, const void* from, std::size_t bytes) {
    device->asked.push_back([=] { std::memcpy(to, from, bytes); });
  }
  void record(std::size_t event) { device->recorded[event] = device->asked.size(); }
  void wait(std::size_t event) { device->advance(device->recorded[event]); }
  bool done(std::size_t event) { return device->done >= device->recorded[event]; }
  void wait_for_all() { device->advance(device->asked.size()); }
};

using Ring = UploadRing<LateDriver>;

/// Copies `count` arrays of increasing size from one buffer that is overwritten after each.
std::vector<std::vector<int>> copied(Ring& ring, std::size_t count) {
  std::vector<std::vector<int>> to(count);
  std::vector<int> from;
  for (std::size_t n = 0; n < count; ++n) {
    to[n].resize(1 + 100 * n);
    from.assign(to[n].size(), int(n));
    ring.copy(to[n].data(), from.data(), from.size() * sizeof(int));
    from.assign(from.size(), -1);
  }
  return to;
}

void check(const std::vector<std::vector<int>>& found) {
  for (std::size_t n = 0; n < found.size(); ++n)
    CHECK(found[n] == std::vector<int>(found[n].size(), int(n)));
}

}  // namespace

TEST_CASE("copies to a device have the bytes at the time of the call", "[emulated]") {
  LateDevice device;
  {
    Ring ring({&device});
    const auto found = copied(ring, 3 * Ring::slots);
    CHECK(ring.waits() == 2 * Ring::slots);
    CHECK(device.done == 2 * Ring::slots);
    device.advance(device.asked.size());
    check(found);
    CHECK(device.pinned == Ring::slots);
    CHECK(device.events == Ring::slots);
  }
  CHECK(device.pinned == 0);
  CHECK(device.events == 0);
}

TEST_CASE("copies do not wait for completed ones, and slots are reused", "[emulated]") {
  LateDevice device;
  Ring ring({&device});
  for (int round = 0; round < 5; ++round) {
    const auto found = copied(ring, Ring::slots);
    CHECK(ring.waits() == 0);
    device.advance(device.asked.size());
    check(found);
  }
  CHECK(device.pinned_ever == Ring::slots);
  ring.copy(nullptr, nullptr, 0);
  CHECK(device.asked.size() == 5 * Ring::slots);
}

TEST_CASE("copies wait if they are too large or no memory can be pinned", "[emulated]") {
  LateDevice device;
  Ring ring({&device});
  std::vector<char> large(Ring::limit + 1, 'a'), there(large.size());
  ring.copy(there.data(), large.data(), Ring::limit);
  CHECK(ring.waits() == 0);
  ring.copy(there.data(), large.data(), large.size());
  CHECK(ring.waits() == 1);
  CHECK(there == large);
  CHECK(device.pinned_ever == 1);

  LateDevice poor;
  poor.has_memory = false;
  Ring without({&poor});
  check(copied(without, 3));
  CHECK(without.waits() == 3);
  poor.has_memory = true;  // available again
  const auto found = copied(without, 1);
  CHECK(without.waits() == 3);
  poor.advance(poor.asked.size());
  check(found);
}
