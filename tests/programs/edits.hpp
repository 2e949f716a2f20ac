// SPDX-License-Identifier: MIT
/// Runs of cifar10_edit on images of 8 × 8 with a tiny network.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/npy.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/tiny_checkpoint.hpp"

namespace scoresde::test {

inline constexpr std::size_t side = 8, plane = side * side, dim = 3 * plane;

/// A .npy file of images in [0, 1] with horizontal and vertical ramps.
inline std::string image_file(const TemporaryFolder& folder, std::size_t count,
                              std::size_t width = side) {
  std::vector<float> values;
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t h = 0; h < side; ++h)
        for (std::size_t w = 0; w < width; ++w)
          values.push_back(float(c == 0 ? h : c == 1 ? w : 7 - h) / 8 + 0.05F * float(k % 8));
  const std::vector<std::size_t> shape{count, 3, side, width};
  const auto path = folder / ("images" + std::to_string(width) + ".npy");
  io::write_npy(path, std::span<const float>(values), std::span<const std::size_t>(shape));
  return path.string();
}

/// A network under EDM's preconditioning. With weights 0 its score is that of data N(0, ¼ I).
inline std::string edm_checkpoint(const TemporaryFolder& folder, bool zeros,
                                  nn::UNetConfig network = tiny_image_network()) {
  network.init_scale = 0.2;
  return tiny_checkpoint(folder, network,
                         run_configuration(network, EdmSde{}, TrainingConfigurationWith<EdmLoss>{}),
                         zeros);
}

/// A run of two images and three results each, unless the words name other numbers.
struct Edits {
  TemporaryFolder folder;
  std::string checkpoint = tiny_checkpoint(folder, VpSde{});
  std::string images = image_file(folder, 3);
  std::size_t runs = 0;

  Words usual(const std::string& task) {
    return {task,      "--checkpoint", checkpoint, "--out",   (folder / out()).string(),
            "--steps", "12",           "--data",   images,    "--images",
            "2",       "--threads",    "1",        "--batch", "4"};
  }
  std::string out() { return "out" + std::to_string(runs); }

  std::vector<float> values(const Words& arguments) {
    require_success(edit_program, arguments);
    CHECK(std::filesystem::exists(folder / out() / "edit.png"));
    const auto found = io::read_npy<float>(folder / (out() + "/edit.npy")).values;
    ++runs;
    return found;
  }
  std::vector<float> edited(const std::string& task, const Words& more) {
    return values(usual(task) + more);
  }
  [[nodiscard]] std::vector<float> originals() const { return io::read_npy<float>(images).values; }
};

}  // namespace scoresde::test
