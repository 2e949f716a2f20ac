// SPDX-License-Identifier: MIT
/// Training on an image pack: the emulated GPU and the CPU use the same images.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/io/image_pack_writer.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/train_options.hpp"
#include "engine/engine.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using test::TemporaryFolder;

namespace {

/// Eight images of size × size of two classes.
std::filesystem::path write_pack(const TemporaryFolder& folder, std::size_t size) {
  const auto path = folder / "x.pack";
  io::ImagePackWriter writer(path, {3, size, size, 0, {"a", "b"}, "made up\n"}, "test");
  io::PackBlock block{.sources = 8, .pixels = {}, .labels = {}, .broken = {}};
  for (std::uint32_t k = 0; k < 8; ++k) {
    block.labels.push_back(k % 2);
    for (std::size_t e = 0; e < 3 * size * size; ++e)
      block.pixels.push_back(static_cast<std::uint8_t>(e * (k + 1) * 7 / size));
  }
  writer.append(block);
  writer.finish();
  return path;
}

/// The loss in the last row of a run's log.
double last_loss(const std::filesystem::path& run) {
  std::ifstream stream(run / "train_log.csv");
  std::string line, last;
  while (std::getline(stream, line)) last = line;
  std::istringstream fields(last);
  std::string field;
  for (int i = 0; i < 4; ++i) std::getline(fields, field, ',');
  return std::stod(field);
}

}  // namespace

TEST_CASE("the preset of 64 pixels trains on a pack with the same losses on both backends",
          "[emulated][slow]") {
  const TemporaryFolder data, out;
  programs::TrainOptions options;
  options.preset = "ve/celeba_ncsnpp";
  options.network = {"nf=4", "ch_mult=1,1", "num_res_blocks=1", "attn_resolutions="};
  options.data = write_pack(data, 64);
  options.batch = options.network_batch = 2;
  options.iterations = 2;
  options.log_every = 1;
  options.snapshot_every = 0;
  options.class_conditional = true;
  options.backend.threads = 2;
  options.backend.precision = "fp32";
  const auto preset = programs::chosen_preset(options, programs::shape_of_data(options.data));
  CHECK(preset.network.num_class_embeds == 2);
  options.out = out / "cpu";
  programs::train_on_host(options, preset);
  options.out = out / "cuda";
  programs::train_on_device(options, preset);
  CHECK(last_loss(out / "cuda") == Approx(last_loss(out / "cpu")).epsilon(1e-3));
}
