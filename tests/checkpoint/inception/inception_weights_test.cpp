// SPDX-License-Identifier: MIT
#include "support/inception_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/inception_features.hpp>
#include <scoresde/checkpoint/inception_weights.hpp>
#include <scoresde/checkpoint/pretrained_inception.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/torch_writer.hpp>
#include <scoresde/nn/graph/parameters.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using nn::InceptionOutput;
using test::TemporaryFolder;

static_assert(FeatureExtractor<InceptionFeatures<eigen::Ops<float>>>);

namespace {

/// The parameters up to the first features, and those of the classes.
nn::ParameterTable table_of_64() {
  return nn::inception({.outputs = {InceptionOutput::features_64}}).parameters();
}
nn::ParameterTable table_of_classes() {
  nn::ParameterTable table;
  table.add("fc.weight", {1008, 2048}, nn::constant(0));
  table.add("fc.bias", {1008}, nn::constant(0));
  return table;
}

const io::TensorFile& state_dict() {
  static const io::TensorFile file = test::inception_state_dict();
  return file;
}

}  // namespace

TEST_CASE("batch normalization becomes a part of Inception's weights and biases") {
  const auto table = table_of_64();
  const auto found = inception_parameters<double>(state_dict(), table);
  const auto at = [&](const char* name) {
    return state_dict().at(std::string("Conv2d_2b_3x3.") + name).as<double>();
  };
  const auto w = at("conv.weight"), gamma = at("bn.weight"), beta = at("bn.bias"),
             mean = at("bn.running_mean"), variance = at("bn.running_var");
  const std::size_t weights = table.find("Conv2d_2b_3x3.weight").offset;
  const std::size_t biases = table.find("Conv2d_2b_3x3.bias").offset;
  for (std::size_t c = 0; c < 64; ++c) {
    const double factor = gamma[c] / std::sqrt(variance[c] + 1e-3);
    CHECK(found[weights + c * 288 + 7] == Approx(w[c * 288 + 7] * factor).epsilon(1e-14));
    CHECK(found[biases + c] == Approx(beta[c] - mean[c] * factor).epsilon(1e-14));
  }
  const auto classes = inception_parameters<double>(state_dict(), table_of_classes());
  CHECK(classes[2049] == state_dict().at("fc.weight").as<double>()[2049]);
}

TEST_CASE("Inception weights are read with 566 or 472 entries, from torch.save and safetensors",
          "[slow]") {
  const TemporaryFolder folder;
  const auto without = test::inception_state_dict(false);
  CHECK(state_dict().tensors.size() == 566);
  CHECK(without.tensors.size() == 472);
  io::write_safetensors(folder / "weights.safetensors", without);
  io::TorchWriter zip;
  zip.open_ordered_dict();
  for (const auto& [name, tensor] : state_dict().tensors) {
    zip.text(name);
    zip.tensor(tensor.dtype, tensor.shape, tensor.bytes);
  }
  zip.close_dict();
  zip.write(folder / "weights.pth");
  const auto path = folder / "weights.pth";
  CHECK(inception_parameters<float>(read_inception_weights(path).tensors, table_of_64()) ==
        inception_parameters<float>(state_dict(), table_of_64()));
  const InceptionWeights first = read_inception_weights(folder / "weights.safetensors");
  CHECK(inception_parameters<float>(first.tensors, table_of_64()) ==
        inception_parameters<float>(state_dict(), table_of_64()));
  CHECK(first.sha256.size() == 64);
  CHECK_THAT(first.warning, Contains("weights.safetensors is not the published file (SHA-256 " +
                                     first.sha256.substr(0, 8)) &&
                                Contains("6726825d"));
  const PretrainedInception<eigen::Ops<float>> inception(
      first, {.batch = 1, .config = {.outputs = {InceptionOutput::features_64}}});
  CHECK(inception.checksum() == first.sha256);
  CHECK(inception.warning() == first.warning);
  CHECK(inception.dimension() == 64);
}

TEST_CASE("PretrainedInception returns one row of features per image", "[slow]") {
  const TemporaryFolder folder;
  const auto path = folder / "weights.safetensors";
  io::write_safetensors(path, state_dict());
  const std::vector<std::uint8_t> pixels(2 * 3 * 32 * 32, 100);
  //! [features]
  PretrainedInception<eigen::Ops<float>> inception(path, {.batch = 2});
  const std::vector<float> features = inception.features(pixels, {2, 3, 32, 32});  // 2 rows of 2048
  //! [features]
  REQUIRE(features.size() == 2 * 2048);
  CHECK(std::equal(features.begin(), features.begin() + 2048, features.begin() + 2048));
  CHECK(inception.network().graph().shape(inception.network().graph().input()).h == 32);
  CHECK_THROWS_WITH(inception.features(pixels, {2, 3, 64, 16}),
                    Contains("images of 3 x 64 x 16; the network was made for 3 x 32 x 32"));
}

TEST_CASE("the Fréchet distance of Inception's features is FID in 2048 dimensions only") {
  const InceptionWeights weights{state_dict(), "0123abcd", ""};
  const PretrainedInceptionOptions one{
      .batch = 2, .config = {.height = 8, .width = 8, .outputs = {InceptionOutput::features_64}}};
  InceptionFeatures<eigen::Ops<float>> extractor(weights, one);
  CHECK(extractor.description().identity() ==
        "Inception 2015-12-05, 64, TF-1 bilinear, (x - 128)/128, 0123abcd");
  CHECK(extractor.description().distance_name() == "Fréchet distance (Inception 2015-12-05, 64)");
  const std::vector<std::uint8_t> pixels(2 * 3 * 8 * 8, 100);
  CHECK(extractor.features(pixels, {2, 3, 8, 8}).size() == 2 * 64);
  CHECK(inception_description({}, "0123abcd").distance_name() ==
        "FID (TF-1 bilinear, (x - 128)/128)");
  auto two = one;
  two.config.outputs.push_back(InceptionOutput::features_192);
  CHECK_THROWS_WITH((InceptionFeatures<eigen::Ops<float>>(weights, two)),
                    Contains("2 outputs are configured"));
}

TEST_CASE("a missing file of Inception weights is an error that names what to fetch") {
  CHECK_THROWS_WITH(read_inception_weights("/nowhere/inception.pth"),
                    Contains("/nowhere/inception.pth does not exist") &&
                        Contains("pt_inception-2015-12-05-6726825d.pth") &&
                        Contains("https://github.com/mseitzer/pytorch-fid") &&
                        Contains("place it there"));
}

TEST_CASE("Inception rejects other networks and broken statistics") {
  io::TensorFile file = state_dict();
  const std::vector<float> other(1000);
  file.set<float>("fc.bias", {1000}, other);
  CHECK_THROWS_WITH(inception_parameters<float>(file, table_of_classes()),
                    Contains("'fc.bias' is 1000; it must be 1008") && Contains("torchvision"));
  file.set<float>("Conv2d_1a_3x3.bn.running_var", {32}, std::vector<float>(32, -1.0f));
  CHECK_THROWS_WITH(inception_parameters<float>(file, table_of_64()),
                    Contains("has the variance -1"));
  file.tensors.erase("Conv2d_1a_3x3.bn.running_var");
  CHECK_THROWS_WITH(inception_parameters<float>(file, table_of_64()),
                    Contains("'Conv2d_1a_3x3.bn.running_var' is missing among 565 entries"));
}

TEST_CASE("features of images do not depend on their batch", "[slow]") {
  const InceptionWeights weights{state_dict(), "", ""};
  const auto features = [&](std::size_t batch) {
    PretrainedInception<eigen::Ops<float>> inception(
        weights, {.batch = batch, .config = {.outputs = {InceptionOutput::features_192}}});
    std::vector<std::uint8_t> images(3 * inception.image_size());
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = std::uint8_t(i * i % 251);
    std::vector<float> values(3 * 192);
    inception.features(images, values);
    CHECK_THROWS_WITH(inception.features(std::span(images).first(100), values),
                      Contains("100 bytes are not a whole number of images"));
    CHECK_THROWS_WITH(inception.features(images, std::span(values).first(192)),
                      Contains("3 images have 576"));
    return values;
  };
  CHECK(features(1) == features(2));
}
