// SPDX-License-Identifier: MIT
/// Minibatches: the order is a permutation, random choices are functions of their keys, pixels are
/// converted as specified.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/data/image_transform.hpp>
#include <scoresde/noise/noise.hpp>

#include "support/catch.hpp"

namespace {

using scoresde::data::epoch_order;
using scoresde::data::ImageSet;
using scoresde::data::ImageStream;
using scoresde::data::ImageTransform;

/// `count` images of 1 × 2 × 4 with pixels 8·i … 8·i + 7, modulo 256.
ImageSet counting_images(std::size_t count) {
  ImageSet images{.channels = 1, .height = 2, .width = 4, .pixels = {}, .labels = {}};
  images.labels.resize(count);
  for (std::size_t i = 0; i < 8 * count; ++i) images.pixels.push_back(std::uint8_t(i));
  return images;
}

std::vector<double> batch(const ImageSet& images, ImageTransform transform, std::uint64_t seed,
                          std::uint64_t first, std::size_t count) {
  std::vector<double> x(count * images.dim());
  ImageStream(images, transform, seed).fill_batch<double>(first, x);
  return x;
}

}  // namespace

TEST_CASE("every epoch has its own permutation") {
  const auto first = epoch_order(5, 0, 1000), second = epoch_order(5, 1, 1000);
  REQUIRE(first == epoch_order(5, 0, 1000));
  REQUIRE(first != second);
  REQUIRE(first != epoch_order(6, 0, 1000));
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::uint32_t> all(1000);
  std::iota(all.begin(), all.end(), 0u);
  REQUIRE(sorted == all);
  REQUIRE(first != all);
}

TEST_CASE("the first image of an epoch is uniformly distributed") {
  // 5000 epochs of 10 images: 500 expected each, standard deviation 21; tolerance of six
  std::vector<int> hits(10);
  for (std::uint64_t epoch = 0; epoch < 5000; ++epoch) ++hits[epoch_order(3, epoch, 10)[0]];
  for (const int count : hits) REQUIRE(std::abs(count - 500) < 130);
}

TEST_CASE("pixels become [0, 1] or [-1, 1]") {
  ImageSet images = counting_images(1);
  images.pixels = {0, 255, 51, 102, 0, 0, 0, 128};
  const auto unit = batch(images, {.centered = false}, 1, 0, 1);
  REQUIRE(unit[0] == 0);
  REQUIRE(unit[1] == 1);
  REQUIRE(unit[2] == Approx(0.2).epsilon(1e-15));
  const auto centered = batch(images, {.centered = true}, 1, 0, 1);
  for (std::size_t e = 0; e < 8; ++e) REQUIRE(centered[e] == 2 * unit[e] - 1);
}

TEST_CASE("dequantization is uniform within the pixel's interval of length 1/256") {
  const ImageSet images = counting_images(512);
  const auto x = batch(images, {.centered = false, .uniform_dequantization = true}, 1, 0, 512);
  const auto order = epoch_order(1, 0, 512);
  double sum = 0;
  for (std::size_t k = 0; k < 512; ++k)
    for (std::size_t e = 0; e < 8; ++e) {
      const double v = 256 * x[8 * k + e] - images.image(order[k])[e];
      REQUIRE((v > 0 && v < 1));
      sum += v;
    }
  // standard deviation of the mean of 4096 uniforms: 0.0045; tolerance of five
  REQUIRE(sum / 4096 == Approx(0.5).margin(0.023));
}

TEST_CASE("random choices are the words of an image's draws, whatever its width") {
  using scoresde::data::data_draw;
  using scoresde::data::DataChoice;
  ImageSet images{.channels = 1, .height = 5, .width = 3, .pixels = {}, .labels = {}};
  images.labels.resize(12);
  for (std::size_t i = 0; i < 12 * images.dim(); ++i) images.pixels.push_back(std::uint8_t(7 * i));
  const auto x = batch(images, {true, true, true}, 9, 0, 12);
  const auto order = epoch_order(9, 0, 12);
  for (std::size_t k = 0; k < 12; ++k) {
    const bool mirrored = noise_word(data_draw(9, 0, DataChoice::flip), k, 0) >= 0x80000000u;
    for (std::size_t e = 0; e < 15; ++e) {
      const double u = images.image(order[k])[mirrored ? e / 3 * 3 + 2 - e % 3 : e];
      const double v = uniform(data_draw(9, 0, DataChoice::dequantization), k, e);
      CHECK(x[15 * k + e] == 2 * ((u + v) / 256) - 1);
    }
  }
}

TEST_CASE("half of the images are mirrored, row by row") {
  const ImageSet images = counting_images(400);
  const auto plain = batch(images, {}, 7, 0, 400);
  const auto flipped = batch(images, {.random_flip = true}, 7, 0, 400);
  int mirrored = 0;
  for (std::size_t k = 0; k < 400; ++k) {
    const double* a = plain.data() + 8 * k;
    const double* b = flipped.data() + 8 * k;
    if (std::equal(a, a + 8, b)) continue;
    ++mirrored;
    for (std::size_t e = 0; e < 8; ++e) REQUIRE(b[e] == a[e / 4 * 4 + 3 - e % 4]);
  }
  // binomial, standard deviation 10; tolerance of six
  REQUIRE(std::abs(mirrored - 200) < 60);
}

TEST_CASE("shifts are uniform in both directions, and edges are mirrored") {
  using scoresde::data::data_draw;
  using scoresde::data::DataChoice;
  ImageSet images{.channels = 2, .height = 5, .width = 7, .pixels = {}, .labels = {}};
  const std::size_t count = 2500;
  for (std::size_t i = 0; i < count * images.dim(); ++i)
    images.pixels.push_back(std::uint8_t(31 * i));
  const auto plain = batch(images, {}, 9, 0, count);
  const auto shifted = batch(images, {.random_shift = 2}, 9, 0, count);
  const auto both = batch(images, {.random_flip = true, .random_shift = 2}, 9, 0, count);
  std::vector<int> hits(25);
  for (std::size_t k = 0; k < count; ++k) {
    const auto draw = data_draw(9, 0, DataChoice::shift);
    const int down = int(5 * std::uint64_t{noise_word(draw, k, 0)} >> 32) - 2;
    const int right = int(5 * std::uint64_t{noise_word(draw, k, 1)} >> 32) - 2;
    ++hits[std::size_t(5 * (down + 2) + right + 2)];
    const bool flips = noise_word(data_draw(9, 0, DataChoice::flip), k, 0) >= 0x80000000u;
    // With three copies of the image side by side, mirrored at the edges, the shift is a crop.
    const auto mirrored = [](int at, int last) {
      return at < 0 ? -at : last - std::abs(last - at);
    };
    for (int c = 0; c < 2; ++c)
      for (int y = 0; y < 5; ++y)
        for (int x = 0; x < 7; ++x) {
          const auto at = [&](int row, int column) {
            return 70 * k + std::size_t(35 * c + 7 * row + column);
          };
          REQUIRE(shifted[at(y, x)] == plain[at(mirrored(y - down, 4), mirrored(x - right, 6))]);
          const int column = flips ? 6 - x : x;
          REQUIRE(both[at(y, x)] == plain[at(mirrored(y - down, 4), mirrored(column - right, 6))]);
        }
  }
  // 100 of each expected, standard deviation 9.8; tolerance of six
  for (const int n : hits) CHECK(std::abs(n - 100) < 59);
}

TEST_CASE("a stream gives the same images for any batch size and starting position") {
  const ImageSet images = counting_images(30);
  const ImageTransform all{.random_flip = true, .uniform_dequantization = true, .random_shift = 1};
  const auto whole = batch(images, all, 11, 0, 75);
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{32}})
    for (std::size_t first = 0; first + size <= 75; first += size) {
      const auto part = batch(images, all, 11, first, size);
      REQUIRE(std::equal(part.begin(), part.end(), whole.begin() + std::ptrdiff_t(8 * first)));
    }
  REQUIRE(whole != batch(images, all, 12, 0, 75));
}

TEST_CASE("labels match the images at their positions, in any epoch") {
  ImageSet images = counting_images(30);
  for (std::size_t i = 0; i < 30; ++i) images.labels[i] = std::uint8_t(i);
  ImageStream stream(images, {}, 11);
  std::vector<std::uint32_t> labels(75);
  stream.fill_labels(0, labels);
  const auto x = batch(images, {.centered = false}, 11, 0, 75);
  for (std::size_t k = 0; k < 75; ++k) REQUIRE(labels[k] == std::lround(255 * x[8 * k]) / 8);
  std::vector<std::uint32_t> middle(10);
  stream.fill_labels(55, middle);
  REQUIRE(std::equal(middle.begin(), middle.end(), labels.begin() + 55));
}

TEST_CASE("an empty set and a batch of partial images are rejected") {
  const ImageSet none = counting_images(0);
  REQUIRE_THROWS_WITH(ImageStream(none, {}, 1), Catch::Contains("is empty"));
  const ImageSet images = counting_images(3);
  REQUIRE_THROWS_WITH(ImageStream(images, {.random_shift = 2}, 1),
                      Catch::Contains("2 x 4 cannot be shifted by 2 pixels; at most by 1"));
  std::vector<float> x(9);
  REQUIRE_THROWS_WITH(ImageStream(images, {}, 1).fill_batch<float>(0, x),
                      Catch::Contains("multiple of 8"));
}

TEST_CASE("the order of a stream is the permutation of each epoch, whatever was read before") {
  scoresde::data::StreamOrder order(7, 5);
  for (const std::uint64_t place : {0, 6, 7, 13, 14, 3, 20, 21, 5}) {
    CAPTURE(place);
    REQUIRE(order.image_at(place) == epoch_order(5, place / 7, 7)[place % 7]);
  }
  const std::vector<std::uint32_t> labels{10, 11, 12, 13, 14, 15, 16};
  std::vector<std::uint32_t> found(4);
  order.fill_labels(labels, 5, found);  // two of epoch 0, two of epoch 1
  for (std::size_t k = 0; k < 4; ++k) REQUIRE(found[k] == 10 + order.image_at(5 + k));
  REQUIRE_THROWS_WITH(scoresde::data::StreamOrder(0, 5), Catch::Contains("is empty"));
}
