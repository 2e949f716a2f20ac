// SPDX-License-Identifier: MIT
/// CIFAR-10's layout, from synthetic files and, if present on this machine, from the real data set.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/sde/suggest_sigma_max.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::data::ImageSet;
using scoresde::data::read_cifar10;
using scoresde::data::Split;
using scoresde::test::TemporaryFolder;

constexpr std::size_t record = 3073, records = 10000;

/// 10,000 records: label i mod 10, every pixel (i + file) mod 251 but the first, which is `file`.
std::string synthetic_file(int file) {
  std::string bytes(record * records, '\0');
  for (std::size_t i = 0; i < records; ++i) {
    const std::size_t at = i * record;
    bytes[at] = static_cast<char>(i % 10);
    bytes.replace(at + 1, 3072, 3072, static_cast<char>((i + std::size_t(file)) % 251));
    bytes[at + 1] = static_cast<char>(file);
  }
  return bytes;
}

/// $CIFAR10_DIR, or shared/data of the folder that contains the repository; empty without either.
std::filesystem::path real_data() {
  const char* named = std::getenv("CIFAR10_DIR");
  const std::string beside = SCORESDE_SOURCE_DIR "/../shared/data/cifar-10-batches-bin";
  for (const std::filesystem::path path : {named != nullptr ? std::string(named) : beside, beside})
    if (std::filesystem::exists(path / "data_batch_1.bin")) return path;
  return {};
}

}  // namespace

TEST_CASE("both splits are read in the published layout") {
  const TemporaryFolder folder;
  for (int i = 1; i <= 5; ++i)
    folder.write("data_batch_" + std::to_string(i) + ".bin", synthetic_file(i));
  folder.write("test_batch.bin", synthetic_file(9));

  const ImageSet train = read_cifar10(folder.path(), Split::train);
  REQUIRE(train.size() == 50000);
  REQUIRE(train.dim() == 3072);
  REQUIRE(+train.image(20003)[0] == 3);
  REQUIRE(+train.image(20003)[3071] == 6);
  REQUIRE(+train.labels[20003] == 3);

  const ImageSet test = read_cifar10(folder.path(), Split::test);
  REQUIRE(test.size() == 10000);
  REQUIRE(+test.image(9999)[0] == 9);
}

TEST_CASE("a missing folder and a missing file are named in the error") {
  const TemporaryFolder folder;
  REQUIRE_THROWS_WITH(read_cifar10(folder / "none", Split::test),
                      Catch::Contains("none") && Catch::Contains("not a folder"));
  REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::test),
                      Catch::Contains("test_batch.bin") && Catch::Contains("does not exist"));
}

TEST_CASE("a truncated file, a longer one and a label above 9 are rejected") {
  const TemporaryFolder folder;
  std::string bytes = synthetic_file(1);
  folder.write("test_batch.bin", std::string_view(bytes).substr(0, bytes.size() - 1));
  REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::test),
                      Catch::Contains("30729999") && Catch::Contains("30730000"));
  folder.write("test_batch.bin", bytes + "x");
  REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::test), Catch::Contains("30730001"));
  bytes[record * 17] = 10;
  folder.write("test_batch.bin", bytes);
  REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::test),
                      Catch::Contains("record 17") && Catch::Contains("label 10"));
}

TEST_CASE("the real training set has its published means", "[data][slow]") {
  const std::filesystem::path folder = real_data();
  if (folder.empty()) {
    WARN("set CIFAR10_DIR to the folder of the real data to run this test");
    return;
  }
  const ImageSet train = read_cifar10(folder, Split::train);
  std::array<double, 3> sum{};
  std::array<int, 10> per_label{};
  for (std::size_t i = 0; i < train.size(); ++i) {
    ++per_label[train.labels[i]];
    for (std::size_t e = 0; e < train.dim(); ++e) sum[e / 1024] += train.image(i)[e];
  }
  // published to four digits: 0.4914 0.4822 0.4465
  const std::array<double, 3> published{0.4914, 0.4822, 0.4465};
  for (std::size_t c = 0; c < 3; ++c)
    REQUIRE(sum[c] / 255 / (50000.0 * 1024) == Approx(published[c]).margin(5.1e-5));
  for (const int count : per_label) REQUIRE(count == 5000);
  REQUIRE(read_cifar10(folder, Split::test).size() == 10000);
}

TEST_CASE("the farthest two images of the real training set are 53.4 apart", "[data][slow]") {
  const std::filesystem::path folder = real_data();
  if (folder.empty()) {
    WARN("set CIFAR10_DIR to the folder of the real data to run this test");
    return;
  }
  const ImageSet train = read_cifar10(folder, Split::train);
  std::vector<float> pixels;
  pixels.reserve(train.pixels.size());
  for (const std::uint8_t pixel : train.pixels) pixels.push_back(static_cast<float>(pixel) / 255);
  REQUIRE(scoresde::suggest_sigma_max(pixels, train.dim()) == Approx(53.415).margin(0.001));
  REQUIRE(scoresde::suggest_sigma_max(pixels, train.dim(), 2000) == Approx(49.167).margin(0.001));
}
