// SPDX-License-Identifier: MIT
/// Synthetic images for cifar10_train, and the options of a run that takes seconds.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "programs/cifar10_programs.hpp"
#include "support/temporary_folder.hpp"

namespace scoresde::test {

/// 60,000 synthetic records; the six names are links to one file.
inline void make_data(const TemporaryFolder& folder) {
  std::string bytes(std::size_t{3073} * 10000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = i % 3073 == 0 ? char(i / 3073 % 10) : char((i * 2654435761u >> 13) & 255);
  const auto first = folder.write("data_batch_1.bin", bytes);
  for (int i = 2; i <= 5; ++i)
    std::filesystem::create_hard_link(first, folder / ("data_batch_" + std::to_string(i) + ".bin"));
  std::filesystem::create_hard_link(first, folder / "test_batch.bin");
}

/// Options of a run so small that a step takes a fraction of a second.
inline Words tiny_run(const TemporaryFolder& data, const std::filesystem::path& out) {
  return {"--data",
          data.path().string(),
          "--out",
          out.string(),
          "--batch",
          "2",
          "--log-every",
          "1",
          "--checkpoint-every",
          "2",
          "--snapshot-every",
          "3",
          "--threads",
          "2",
          "--snapshot-steps",
          "2"};
}

}  // namespace scoresde::test
