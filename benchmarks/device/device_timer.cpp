// SPDX-License-Identifier: MIT
/// DeviceTimer, with cudaEvent_t.
#include "device_timer.hpp"

#include <utility>

#include <cuda_runtime_api.h>

#include "check.hpp"

namespace device {

using scoresde::cuda::check;

/// Events up to `used` are marks; the others are reused later.
struct DeviceTimer::Events {
  std::vector<cudaEvent_t> all;
  std::size_t used = 0;

  ~Events() {
    for (const cudaEvent_t event : all) cudaEventDestroy(event);
  }
};

DeviceTimer::DeviceTimer(const scoresde::cuda::Context& context)
    : context_(context), events_(std::make_unique<Events>()) {}
DeviceTimer::~DeviceTimer() = default;

void DeviceTimer::mark() {
  context_.activate();
  if (events_->used == events_->all.size()) {
    cudaEvent_t event = nullptr;
    check(cudaEventCreate(&event), "creating an event");
    events_->all.push_back(event);
  }
  check(cudaEventRecord(events_->all[events_->used++], context_.stream()), "recording an event");
}

std::vector<double> DeviceTimer::intervals() {
  std::vector<double> seconds;
  const std::size_t count = std::exchange(events_->used, 0);
  if (count > 0) check(cudaEventSynchronize(events_->all[count - 1]), "waiting for an event");
  for (std::size_t i = 1; i < count; ++i) {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, events_->all[i - 1], events_->all[i]),
          "reading an event");
    seconds.push_back(1e-3 * static_cast<double>(milliseconds));
  }
  return seconds;
}

std::size_t bytes_taken(const scoresde::cuda::Context& context) {
  context.activate();
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "querying the memory of the device");
  return total - free;
}

}  // namespace device
