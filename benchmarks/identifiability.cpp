// SPDX-License-Identifier: MIT
/// Codes of two trainings: the correlation of the latent codes that two networks give to the same
/// images, next to that of codes of unrelated images.
///
///   benchmark_identifiability A.safetensors B.safetensors cifar-10-batches-bin [images] [steps]
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/likelihood/latent_codes.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/time/log_snr_grid.hpp>

namespace {

using State = scoresde::HostState<float>;

/// The codes of the first test images under a checkpoint, by Heun steps even in log-SNR.
State codes(const std::filesystem::path& checkpoint, const scoresde::data::ImageSet& set,
            std::size_t images, std::size_t steps) {
  scoresde::PretrainedScore<scoresde::eigen::Ops<float>> model(
      checkpoint, {.batch = std::min<std::size_t>(images, 16)});
  const std::size_t dim = model.network().input_shape().size();
  scoresde::require(dim == set.dim(), checkpoint.string(), " is for images of ", dim,
                    " elements; those of CIFAR-10 have ", set.dim());
  State x({images, set.dim()});
  for (std::size_t k = 0; k < images; ++k)
    scoresde::data::fill_image(set, k, {.centered = model.config().centered}, 0, 0, k, x[k]);
  const scoresde::AnySde sde = scoresde::sampled_sde(model.configuration());
  const scoresde::ProbabilityFlow flow{sde, scoresde::Heun{}, scoresde::log_snr_grid(sde, steps)};
  scoresde::encode(flow, model, x);
  return x;
}

void print(const char* name, const std::vector<double>& values) {
  double mean = 0, square = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) square += (value - mean) * (value - mean);
  std::printf("%-18s %7.4f +- %.4f\n", name, mean,
              std::sqrt(square / static_cast<double>(values.size() - 1)));
}

std::size_t number(int count, char** arguments, int index, std::size_t otherwise) {
  if (index >= count) return otherwise;
  const long value = std::strtol(arguments[index], nullptr, 10);
  scoresde::require(value >= 2, "argument ", index, " is ", arguments[index],
                    "; it must be a number of at least 2");
  return static_cast<std::size_t>(value);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) {
    std::fputs(
        "usage: benchmark_identifiability A.safetensors B.safetensors cifar-10-batches-bin "
        "[images, 16] [steps, 50]\n",
        stderr);
    return 2;
  }
  try {
    const auto set = scoresde::data::read_cifar10(arguments[3], scoresde::data::Split::test);
    const std::size_t images = number(count, arguments, 4, 16),
                      steps = number(count, arguments, 5, 50);
    scoresde::require(images <= set.size(), "images is ", images, "; there are ", set.size());
    const State a = codes(arguments[1], set, images, steps);
    const auto found = scoresde::code_correlations(a, codes(arguments[2], set, images, steps));
    std::printf("correlation of latent codes of %zu images, mean and standard deviation\n", images);
    print("same image", found.same);
    print("unrelated images", found.unrelated);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "identifiability: %s\n", error.what());
    return 1;
  }
}
