// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/sde/sde_kind.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::nn;

namespace {

/// The values of the published configuration file of that name.
struct Published {
  std::string name;
  SdeKind sde;
  std::string family;
  bool continuous;
  PredictorKind predictor;
  CorrectorKind corrector;
  std::size_t res_blocks, parameters;
};

constexpr auto vp = SdeKind::vp, sub_vp = SdeKind::sub_vp, ve = SdeKind::ve;
constexpr auto euler = PredictorKind::euler_maruyama, ancestral = PredictorKind::ancestral,
               reverse = PredictorKind::reverse_diffusion;
constexpr auto none = CorrectorKind::none, langevin = CorrectorKind::langevin;

const std::vector<Published> cifar10 = {
    {"ve/cifar10_ddpm", ve, "ddpm", false, reverse, langevin, 2, 35'218'947},
    {"ve/cifar10_ncsnpp", ve, "ncsnpp", false, reverse, langevin, 4, 62'693'251},
    {"ve/cifar10_ncsnpp_continuous", ve, "ncsnpp", true, reverse, langevin, 4, 62'758'787},
    {"ve/cifar10_ncsnpp_deep_continuous", ve, "ncsnpp", true, reverse, langevin, 8, 107'586'947},
    {"vp/ddpm/cifar10", vp, "ddpm", false, ancestral, none, 2, 35'218'947},
    {"vp/ddpm/cifar10_continuous", vp, "ddpm", true, euler, none, 2, 35'218'947},
    // Without the embedding's layers (328 704) and a dense layer per block (4992 outputs of
    // 512 + 1).
    {"vp/ddpm/cifar10_unconditional", vp, "ddpm", false, ancestral, none, 2,
     35'218'947 - 328'704 - 4992 * 513},
    {"vp/cifar10_ddpmpp", vp, "ddpmpp", false, ancestral, none, 4, 61'804'419},
    {"vp/cifar10_ddpmpp_continuous", vp, "ddpmpp", true, euler, none, 4, 61'804'419},
    {"vp/cifar10_ddpmpp_deep_continuous", vp, "ddpmpp", true, euler, none, 8, 106'632'579},
    {"vp/cifar10_ncsnpp", vp, "ncsnpp", false, reverse, none, 4, 62'693'251},
    {"vp/cifar10_ncsnpp_continuous", vp, "ncsnpp", true, euler, none, 4, 62'693'251},
    {"vp/cifar10_ncsnpp_deep_continuous", vp, "ncsnpp", true, euler, none, 8, 107'521'411},
    {"subvp/cifar10_ddpm_continuous", sub_vp, "ddpm", true, euler, none, 2, 35'218'947},
    {"subvp/cifar10_ddpmpp_continuous", sub_vp, "ddpmpp", true, euler, none, 4, 61'804'419},
    {"subvp/cifar10_ddpmpp_deep_continuous", sub_vp, "ddpmpp", true, euler, none, 8, 106'632'579},
    {"subvp/cifar10_ncsnpp_continuous", sub_vp, "ncsnpp", true, euler, none, 4, 62'693'251},
    {"subvp/cifar10_ncsnpp_deep_continuous", sub_vp, "ncsnpp", true, euler, none, 8, 107'521'411},
};

std::size_t parameters(const std::string& name) {
  return unet(preset(name).network).parameters().trainable_size();
}

}  // namespace

TEST_CASE("the CIFAR-10 presets are the published configurations") {
  for (const Published& c : cifar10) {
    INFO(c.name);
    const Preset& p = preset(c.name);
    const UNetConfig& n = p.network;
    const bool explodes = c.sde == ve, pyramids = c.family == "ncsnpp";
    CHECK(p.sde == c.sde);
    CHECK(p.continuous == c.continuous);
    CHECK(p.predictor == c.predictor);
    CHECK(p.corrector == c.corrector);
    CHECK(p.reduce_mean == !explodes);
    CHECK(p.ema_rate == (explodes ? 0.999 : 0.9999));
    CHECK(p.n_iters == (c.res_blocks == 8 ? 950001 : 1300001));
    CHECK(p.sampling_eps == (explodes ? 1e-5 : 1e-3));
    CHECK(p.snr == 0.16);
    CHECK(p.batch_size == 128);
    CHECK(p.lr == 2e-4);
    CHECK(n.architecture == (c.family == "ddpm" ? Architecture::ddpm : Architecture::ncsnpp));
    CHECK(n.num_res_blocks == c.res_blocks);
    CHECK(n.centered == !explodes);
    CHECK(n.scale_by_sigma == explodes);
    CHECK(n.fir == pyramids);
    CHECK(n.progressive_input == (pyramids ? ProgressiveInput::residual : ProgressiveInput::none));
    CHECK((n.embedding_type == EmbeddingType::fourier) == (explodes && pyramids && c.continuous));
    CHECK(n.conditional == (c.name != "vp/ddpm/cifar10_unconditional"));
    CHECK(n.dropout == 0.1);
    CHECK(parameters(c.name) == c.parameters);
  }
}

TEST_CASE("CelebA's preset is the published configuration") {
  const Preset& p = preset("ve/celeba_ncsnpp");
  CHECK(p.sde == ve);
  CHECK_FALSE(p.continuous);
  CHECK(p.sigma_max == 90);
  CHECK(p.num_scales == 1000);
  CHECK(p.snr == 0.17);
  CHECK(p.predictor == PredictorKind::reverse_diffusion);
  CHECK(p.corrector == CorrectorKind::langevin);
  CHECK(p.ema_rate == 0.999);
  CHECK(p.network.height() == 64);
  CHECK_FALSE(p.network.centered);
  CHECK(p.network.progressive_input == ProgressiveInput::residual);
  CHECK(p.network.embedding_type != EmbeddingType::fourier);
  CHECK(parameters(p.name) == 62'693'251);  // as on CIFAR-10
}

TEST_CASE("the presets for larger images have the published number of parameters") {
  for (const auto& [name, sigma_max] : {std::pair{"ve/bedroom_ncsnpp_continuous", 378},
                                        {"ve/church_ncsnpp_continuous", 380},
                                        {"ve/celebahq_256_ncsnpp_continuous", 348},
                                        {"ve/ffhq_256_ncsnpp_continuous", 348}}) {
    INFO(name);
    CHECK(parameters(name) == 65'574'421);
    CHECK(preset(name).network.height() == 256);
    CHECK(preset(name).sigma_max == sigma_max);
    CHECK(preset(name).snr == 0.075);
  }
  for (const char* name : {"ve/celebahq_ncsnpp_continuous", "ve/ffhq_ncsnpp_continuous"}) {
    INFO(name);
    CHECK(parameters(name) == 105'785'880);
    CHECK(preset(name).network.height() == 1024);
    CHECK(preset(name).sigma_max == 1348);
    CHECK(preset(name).snr == 0.15);
  }
  // With attention after every block of its way up the number would be 113 673 219, that of
  // diffusers' files.
  for (const char* name : {"vp/ddpm/bedroom", "vp/ddpm/church", "vp/ddpm/celebahq"})
    CHECK(parameters(name) == 111'569'923);
}

TEST_CASE("every preset builds, has a unique name, and shares its noise levels with its network") {
  CHECK(presets().size() == cifar10.size() + 10 + 5);
  for (const Preset& p : presets()) {
    CAPTURE(p.name);
    CHECK_NOTHROW(unet(p.network));
    CHECK(&preset(p.name) == &p);
    CHECK(p.network.sigma_min == p.sigma_min);
    CHECK(p.network.sigma_max == p.sigma_max);
    CHECK(p.network.num_scales == p.num_scales);
    if (const auto slash = p.name.find('/'); slash != std::string::npos)
      CHECK(p.name.substr(0, slash) == name_of(p.sde));
  }
}

TEST_CASE("the small preset is small enough for a CPU") {
  const Preset& p = preset("cifar10_small");
  const std::size_t count = unet(p.network).parameters().count();
  CHECK(count > 1'000'000);
  CHECK(count < 2'500'000);
  CHECK(p.network.dropout == 0);
}

TEST_CASE("the small VE preset is the published network and SDE in the size of the small preset") {
  const Preset& p = preset("cifar10_small_ve_ncsnpp");
  const Preset &small = preset("cifar10_small"),
               &published = preset("ve/cifar10_ncsnpp_continuous");
  CHECK(parameters(p.name) == 1'865'155);
  CHECK(p.reduce_mean);
  CHECK(p.continuous);
  CHECK(p.ema_rate == published.ema_rate);
  CHECK(p.sigma_max == published.sigma_max);
  CHECK((p.lr == small.lr && p.batch_size == small.batch_size && p.warmup == small.warmup));
  UNetConfig network = published.network;
  network.nf = small.network.nf;
  network.num_res_blocks = small.network.num_res_blocks;
  network.attn_resolutions = small.network.attn_resolutions;
  network.dropout = 0;
  CHECK(p.network == network);
}

TEST_CASE("the EDM preset is the paper's training of DDPM++, and the small one has its loss") {
  const Preset& p = preset("edm/cifar10_ddpmpp");
  // The published network also has a map of nine augmentation labels to 128 channels.
  CHECK(parameters(p.name) == 55'733'891 - 9 * 128);
  CHECK(p.batch_size * p.n_iters == 200'000'000);
  CHECK(p.batch_size * p.warmup == Approx(1e7).epsilon(1e-4));
  CHECK(std::pow(p.ema_rate, 500'000.0 / double(p.batch_size)) == Approx(0.5).epsilon(1e-12));
  CHECK(p.lr == 1e-3);
  CHECK(std::isinf(p.grad_clip));
  CHECK(p.network.dropout == 0.13);
  CHECK(p.network.ch_mult == std::vector<std::size_t>{2, 2, 2});
  const Preset& small = preset("cifar10_small_edm");
  CHECK(parameters(small.name) == parameters("cifar10_small"));
  CHECK((small.reduce_mean && !p.reduce_mean));
  // Files have these names.
  CHECK(&p == &preset("karras/cifar10_ddpmpp"));
  CHECK(p.name == "karras/cifar10_ddpmpp");
  CHECK(&small == &preset("cifar10_small_karras"));
  for (const Preset* karras : {&p, &small}) {
    CHECK(karras->sde == SdeKind::edm);
    CHECK(karras->solver == SolverKind::karras_heun);
    CHECK(karras->sigma_min == 0.002);
    CHECK(karras->sigma_max == 80);
    CHECK(karras->p_mean == -1.2);
    CHECK(karras->p_std == 1.2);
    CHECK(karras->sigma_data == 0.5);
    CHECK(karras->network.centered);
  }
}

TEST_CASE("a class-conditional preset adds a class table and label dropout to another preset") {
  const Preset& small = preset("cifar10_small_class_conditional");
  CHECK(small.label_dropout == 0.1);
  CHECK(parameters(small.name) == parameters("cifar10_small") + 10 * 128);
  const Preset& full = preset("vp/cifar10_ddpmpp_continuous");
  CHECK(full.label_dropout == 0);
  CHECK(unet(class_conditional(full, 10).network).parameters().trainable_size() ==
        61'804'419 + 10 * 512);
}

TEST_CASE("an unknown preset is rejected with the list of names") {
  CHECK_THROWS_WITH(preset("vp/cifar100"),
                    Catch::Matchers::Contains("'vp/cifar100'") &&
                        Catch::Matchers::Contains("vp/cifar10_ddpmpp_continuous") &&
                        Catch::Matchers::Contains("cifar10_small"));
}
