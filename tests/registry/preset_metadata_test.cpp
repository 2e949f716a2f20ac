// SPDX-License-Identifier: MIT
// The metadata in checkpoints of every preset, byte for byte, as in files of release 0.1.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

std::string lines_of(const std::map<std::string, std::string>& metadata) {
  std::string lines;
  for (const auto& [key, value] : metadata) lines += key + " = " + value + "\n";
  return lines;
}

/// FNV-1a (Fowler, Noll and Vo), 64 bits.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string checkpoint_text(const nn::Preset& preset) {
  std::string lines;
  visit_training(preset, [&](const auto& sde, const auto& loss) {
    lines =
        lines_of(checkpoint_configuration(preset, sde, training_configuration(preset, loss, 42)));
  });
  return lines;
}

struct Known {
  std::string preset;
  std::uint64_t hash;
};

}  // namespace

TEST_CASE("the metadata of every preset equal those of release 0.1") {
  const std::vector<Known> known{{"cifar10_small", 0x77d60616b654116f},
                                 {"cifar10_small_class_conditional", 0x9c5980df16a39f30},
                                 {"cifar10_small_karras", 0xcbb1e49cb1247cbe},
                                 {"cifar10_small_ve_ncsnpp", 0xd57953a9f6b546ff},
                                 {"karras/cifar10_ddpmpp", 0x9f206a95cd6487cd},
                                 {"subvp/cifar10_ddpm_continuous", 0xa9efc472b219e1ae},
                                 {"subvp/cifar10_ddpmpp_continuous", 0x159aa7974f1a9303},
                                 {"subvp/cifar10_ddpmpp_deep_continuous", 0x959a60bcea96c0a0},
                                 {"subvp/cifar10_ncsnpp_continuous", 0xcccf2cb9d09d114e},
                                 {"subvp/cifar10_ncsnpp_deep_continuous", 0xb5ec8d343a9df2ff},
                                 {"ve/bedroom_ncsnpp_continuous", 0x50d1cb3261cc83c7},
                                 {"ve/celeba_ncsnpp", 0xb299dda6e8c64508},  // newer than 0.1
                                 {"ve/celebahq_256_ncsnpp_continuous", 0x0ab2b7b7b998a9be},
                                 {"ve/celebahq_ncsnpp_continuous", 0x06768b06c78338cb},
                                 {"ve/church_ncsnpp_continuous", 0xd32dc99bc5608b36},
                                 {"ve/cifar10_ddpm", 0x1a3a4567abb62d67},
                                 {"ve/cifar10_ncsnpp", 0x1e2d149caa48df4f},
                                 {"ve/cifar10_ncsnpp_continuous", 0x249c2a5b9a6a4cad},
                                 {"ve/cifar10_ncsnpp_deep_continuous", 0x97469299a522ab8c},
                                 {"ve/ffhq_256_ncsnpp_continuous", 0xc0aa81a9200eca68},
                                 {"ve/ffhq_ncsnpp_continuous", 0x55d6a081f46b6990},
                                 {"vp/cifar10_ddpmpp", 0xe8178b6834dea823},
                                 {"vp/cifar10_ddpmpp_continuous", 0x7e4857c79e5ac04f},
                                 {"vp/cifar10_ddpmpp_deep_continuous", 0x42bbb4cb63f30612},
                                 {"vp/cifar10_ncsnpp", 0xbceaf6949a59124b},
                                 {"vp/cifar10_ncsnpp_continuous", 0x5c2a66efd352da68},
                                 {"vp/cifar10_ncsnpp_deep_continuous", 0xc5700795b3f7bc27},
                                 {"vp/ddpm/bedroom", 0x4edce63f0b37654e},
                                 {"vp/ddpm/celebahq", 0x3d71d9c7294486bd},
                                 {"vp/ddpm/church", 0x16a2b6851de7f98b},
                                 {"vp/ddpm/cifar10", 0x59e354135065d186},
                                 {"vp/ddpm/cifar10_continuous", 0x9fe8a89e03afb250},
                                 {"vp/ddpm/cifar10_unconditional", 0x13e8f3b217342127}};
  CHECK(nn::presets().size() == known.size());
  for (const Known& each : known) {
    const std::string text = checkpoint_text(nn::preset(each.preset));
    CAPTURE(each.preset, text);
    CHECK(hash_of(text) == each.hash);
  }
}

TEST_CASE("the metadata of a checkpoint are these lines") {
  CHECK(checkpoint_text(nn::preset("cifar10_small_karras")) == R"(network.attn_resolutions = 16,8
network.attn_up = once
network.centered = true
network.ch_mult = 1,2,2,2
network.conditional = true
network.dropout = 0
network.embedding_type = positional
network.fir = false
network.fir_kernel = 1,3,3,1
network.fourier_scale = 16
network.image_size = 32
network.image_width = 0
network.init_scale = 0
network.name = ncsnpp
network.nf = 32
network.nonlinearity = swish
network.norm_eps = 1e-06
network.num_channels = 3
network.num_class_embeds = 0
network.num_res_blocks = 1
network.num_scales = 1000
network.progressive = none
network.progressive_combine = sum
network.progressive_input = none
network.resamp_with_conv = true
network.resblock_type = biggan
network.scale_by_sigma = false
network.sigma_max = 80
network.sigma_min = 0.002
network.skip_rescale = true
program.batch = 32
program.corrector = none
program.predictor = euler_maruyama
program.preset = cifar10_small_karras
program.random_flip = true
program.solver = karras-heun
program.uniform_dequantization = false
sde.name = karras
sde.sigma_max = 80
sde.sigma_min = 0.002
training.adam_epsilon = 1e-08
training.beta1 = 0.9
training.beta2 = 0.999
training.convention = karras_preconditioned
training.ema_decay = 0.9995
training.ema_schedule = ramp
training.gradient_clip = 1
training.learning_rate = 0.001
training.loss = karras
training.p_mean = -1.2
training.p_std = 1.2
training.reduce_mean = true
training.seed = 42
training.sigma_data = 0.5
training.warm_up = 500
training.weight_decay = 0
)");
}
