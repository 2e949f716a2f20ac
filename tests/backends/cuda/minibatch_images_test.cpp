// SPDX-License-Identifier: MIT
#include "kernels/minibatch_images.hpp"

#include <array>
#include <vector>

#include <scoresde/data/image_stream.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

constexpr std::uint64_t seed = 17;

data::ImageSet images(std::size_t count, std::size_t channels, std::size_t height,
                      std::size_t width) {
  data::ImageSet set{channels, height, width, {}, {}};
  const NoiseDraw draw = Noise{.seed = 4, .purpose = Purpose::data}.draw(0);
  for (std::size_t i = 0; i < count * set.dim(); ++i)
    set.pixels.push_back(static_cast<std::uint8_t>(noise_word(draw, 0, i)));
  for (std::size_t i = 0; i < count; ++i) set.labels.push_back(static_cast<std::uint8_t>(i % 7));
  return set;
}

/// The permutations of the two epochs that a batch at position `first` can span.
std::array<std::vector<std::uint32_t>, 2> orders(std::uint64_t first, std::size_t count) {
  std::array<std::vector<std::uint32_t>, 2> out;
  const std::uint64_t epoch = first / count;
  for (const std::uint64_t e : {epoch, epoch + 1}) out[e % 2] = data::epoch_order(seed, e, count);
  return out;
}

}  // namespace

TEST_CASE("a minibatch on the device is bit-identical to the host's stream", "[emulated]") {
  for (const data::ImageSet& set : {images(11, 3, 4, 6), images(5, 1, 5, 3)})
    for (const data::ImageTransform t :
         {data::ImageTransform{}, data::ImageTransform{false, true, false},
          data::ImageTransform{true, true, true}, data::ImageTransform{false, false, true},
          data::ImageTransform{true, false, false, 2}, data::ImageTransform{true, true, true, 1}})
      // From the start, across the end of an epoch, and far into the stream.
      for (const std::uint64_t step : {0, 2, 1000}) {
        CAPTURE(set.dim(), t.centered, t.random_flip, t.uniform_dequantization, t.random_shift,
                step);
        const std::uint32_t samples = 4;
        const std::uint64_t begin = 3, at = begin + step * samples;
        std::vector<float> expected(samples * set.dim());
        data::ImageStream(set, t, seed).fill_batch<float>(at, expected);
        const auto order = orders(at, set.size());
        const cuda::MinibatchImages kernel{{set.pixels.data(),
                                            set.labels.data(),
                                            {order[0].data(), order[1].data()},
                                            static_cast<std::uint32_t>(set.size()),
                                            data::ImageView(set).extents(),
                                            t,
                                            seed},
                                           begin,
                                           samples,
                                           &step,
                                           samples,
                                           nullptr,
                                           nullptr};
        for (const auto& schedule : {every_schedule[0], every_schedule[1]}) {
          std::vector<float> x = not_a_number<float>(expected.size());
          std::vector<std::uint32_t> classes(samples, 99);
          cuda::MinibatchImages run = kernel;
          run.x = x.data();
          run.classes = classes.data();
          emulate(run, schedule);
          CHECK(x == expected);
          for (std::uint32_t k = 0; k < samples; ++k) {
            const std::uint64_t epoch = (at + k) / set.size();
            CHECK(classes[k] == set.labels[order[epoch % 2][(at + k) % set.size()]]);
          }
        }
      }
}
