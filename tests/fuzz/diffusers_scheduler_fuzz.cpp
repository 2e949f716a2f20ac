// SPDX-License-Identifier: MIT
/// Any bytes as a scheduler_config.json: read or rejected with an Error; what is read can be
/// written again where diffusers has a scheduler for it, and means the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include <scoresde/checkpoint/diffusers_scheduler.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::optional<scoresde::DiffusersScheduler> scheduler;
  // A text of any length may name as many levels as there may be, each with a beta.
  constexpr std::size_t most_levels = std::size_t{1} << 20;
  scoresde::fuzz::with_limit(size + most_levels, 256, [&] {
    try {
      scheduler = scoresde::scheduler_of_diffusers(text);
    } catch (const scoresde::Error&) {
    }
  });
  if (!scheduler) return 0;
  // What was read is complete: an Error here is a finding.
  const auto written = scoresde::describe_scheduler_for_diffusers(scheduler->settings);
  if (written && scoresde::scheduler_of_diffusers(*written).settings != scheduler->settings)
    std::abort();
  return 0;
}
