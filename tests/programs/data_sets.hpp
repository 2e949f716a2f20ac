// SPDX-License-Identifier: MIT
/// Synthetic image folders and packs for the tests of the programs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "programs/cifar10_programs.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace scoresde::test {

inline const char* const dataset_program = "SCORESDE_SCORESDE_DATASET";

/// PNG images of height × width in the subfolders cat and dog, alternately.
inline std::filesystem::path make_image_folder(const TemporaryFolder& folder, std::size_t count,
                                               std::size_t height, std::size_t width,
                                               const std::string& name = "images") {
  for (const char* label : {"cat", "dog"})
    std::filesystem::create_directories(folder / (name + "/" + label));
  for (unsigned i = 0; i < count; ++i)
    folder.write(name + (i % 2 == 0 ? "/cat/" : "/dog/") + std::to_string(100 + i) + ".png",
                 png_of(smooth_image(height, width, i)));
  return folder / name;
}

/// The options of a training run on a pack whose steps take a fraction of a second.
inline Words tiny_pack_run(const std::filesystem::path& data, const std::filesystem::path& out) {
  return {"--data",
          data.string(),
          "--out",
          out.string(),
          "--batch",
          "2",
          "--iterations",
          "2",
          "--log-every",
          "1",
          "--checkpoint-every",
          "2",
          "--snapshot-every",
          "0",
          "--threads",
          "2"};
}

}  // namespace scoresde::test
