// SPDX-License-Identifier: MIT
/// How metrics move when real images are altered: noise, blur, contrast, a class of which half is
/// missing. In the features of a classifier, against the second half of CIFAR-10's training set, of
/// which the bundled feature extractor has seen none.
///
///   benchmark_altered_images CLASSIFIER.safetensors cifar-10-batches-bin [images]
///
/// Every row has the first `images` test images of one half of the test set, after its alteration;
/// the floor has as many of the other half, as they are.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <scoresde/checkpoint/pretrained_features.hpp>
#include <scoresde/data/cifar10.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/frechet_error.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/precision_recall.hpp>
#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/state/host_state.hpp>

namespace {

using scoresde::data::ImageSet;
using scoresde::data::ImageView;
using State = scoresde::HostState<float>;
using Extractor = scoresde::ClassifierFeatures<scoresde::eigen::Ops<float>, scoresde::AnySde,
                                               scoresde::LabelOfSde>;

constexpr std::size_t half_of_test = 5000, half_of_training = 25000;
/// A class has about a tenth of the images, so half of one leaves enough of a half of the test set.
constexpr std::size_t most_images = 4500, missing_class = 3;

/// x in 0 … 255, of the images `first`, first + 1, …; altered values are rounded and clipped.
using Change = std::function<void(State& x, std::size_t first)>;

ImageSet changed(const ImageView& images, const Change& change) {
  constexpr std::size_t rows = 500;
  ImageSet found{images.channels, images.height, images.width, {}, {}};
  for (std::size_t first = 0; first < images.size(); first += rows) {
    const ImageView part = images.part(first, std::min(rows, images.size() - first));
    State x({part.size(), images.dim()});
    std::copy(part.pixels.begin(), part.pixels.end(), x.span().begin());
    change(x, first);
    for (const float value : x.span())
      found.pixels.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L)));
  }
  return found;
}

Change noise(double std) {
  return [std](State& x, std::size_t first) {
    const scoresde::Noise noise{.seed = 1, .first_sample = static_cast<std::uint32_t>(first)};
    assign(x, {{1, x}}, {std, noise.draw(0)});
  };
}

Change blur(const ImageView& images, double std) {
  const scoresde::Blur filter({images.channels, images.height, images.width},
                              scoresde::gaussian_kernel(8, std), scoresde::Boundary::periodic);
  return [filter](State& x, std::size_t) {
    State y(x.extents());
    filter.apply(x, y);
    x = y;
  };
}

/// Differences from the middle of the range times `factor`.
Change contrast(double factor) {
  return [factor](State& x, std::size_t) {
    for (float& value : x.span())
      value = static_cast<float>(127.5 + factor * (static_cast<double>(value) - 127.5));
  };
}

/// The first n images, of one class only every second one.
ImageSet without_half_of_a_class(const ImageView& images, std::size_t n) {
  ImageSet found{images.channels, images.height, images.width, {}, {}};
  std::size_t of_class = 0;
  for (std::size_t i = 0; i < images.size() && found.size() < n; ++i) {
    if (images.labels[i] == missing_class && of_class++ % 2 == 1) continue;
    found.pixels.insert(found.pixels.end(), images.image(i).begin(), images.image(i).end());
  }
  return found;
}

struct Measured {
  std::vector<double> values;
  std::size_t dim;
  [[nodiscard]] scoresde::Features<double> view() const { return {values, dim}; }
};

Measured features_of(Extractor& extractor, const ImageView& images) {
  constexpr std::size_t batch = 64;
  Measured found{{}, extractor.description().dim};
  for (std::size_t first = 0; first < images.size(); first += batch) {
    const ImageView part = images.part(first, std::min(batch, images.size() - first));
    const auto rows = extractor.features(
        part.pixels, {part.size(), images.channels, images.height, images.width});
    found.values.insert(found.values.end(), rows.begin(), rows.end());
  }
  return found;
}

class Table {
 public:
  Table(Extractor& extractor, const ImageView& reference, std::size_t images)
      : extractor_(extractor), reference_(features_of(extractor, reference)), images_(images) {
    moments_ = scoresde::feature_moments(reference_.view());
    std::printf("%zu images per row, %zu reference images, features: %s\n\n", images,
                reference.size(), extractor.description().identity().c_str());
    std::puts("| images | Fréchet distance | kernel distance × 1000 | precision | recall |");
    std::puts("|---|---|---|---|---|");
  }

  void row(const std::string& name, const ImageView& images) {
    const Measured found = features_of(extractor_, images.part(0, images_));
    const auto x = found.view();
    const scoresde::Features<double> y{
        std::span<const double>(reference_.values).first(images_ * reference_.dim), reference_.dim};
    const auto kernel = scoresde::kernel_distance(x, y);
    const auto shares = scoresde::precision_recall(y, x);
    std::printf("| %s | %.3f ± %.3f | %.2f ± %.2f | %.3f ± %.3f | %.3f ± %.3f |\n", name.c_str(),
                scoresde::frechet_distance(scoresde::feature_moments(x), moments_).value,
                scoresde::frechet_standard_error(x, moments_), 1000 * kernel.value,
                1000 * kernel.standard_error, shares.precision.value,
                shares.precision.standard_error, shares.recall.value, shares.recall.standard_error);
    std::fflush(stdout);
  }

 private:
  Extractor& extractor_;
  Measured reference_;
  scoresde::FeatureMoments moments_;
  std::size_t images_;
};

void print_table(const char* checkpoint, const char* folder, std::size_t images) {
  using scoresde::data::Split;
  const ImageSet training = scoresde::data::read_cifar10(folder, Split::train),
                 test = scoresde::data::read_cifar10(folder, Split::test);
  auto extractor =
      scoresde::load_classifier_features<scoresde::eigen::Ops<float>>(checkpoint, {.batch = 64});
  Table table(extractor, ImageView(training).part(half_of_training, half_of_training), images);
  const ImageView real = ImageView(test).part(0, half_of_test);
  table.row("real, the floor", ImageView(test).part(half_of_test, half_of_test));
  table.row("real, those of the next rows", real);
  for (const double std : {8.0, 16.0, 32.0})
    table.row(scoresde::text("noise, σ = ", std, " of 255"), changed(real, noise(std)));
  for (const double std : {0.5, 1.0, 2.0})
    table.row(scoresde::text("blur, σ = ", std, " pixels"), changed(real, blur(real, std)));
  for (const double factor : {0.75, 0.5})
    table.row(scoresde::text("contrast × ", factor), changed(real, contrast(factor)));
  table.row(scoresde::text("half of one class (", scoresde::data::cifar10_classes[missing_class],
                           ") missing"),
            without_half_of_a_class(real, images));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3 || count > 4) {
    std::fputs(
        "usage: benchmark_altered_images CLASSIFIER.safetensors cifar-10-batches-bin "
        "[images, 4500]\n",
        stderr);
    return 2;
  }
  try {
    const long images = count > 3 ? std::strtol(arguments[3], nullptr, 10) : long{most_images};
    scoresde::require(images >= 100 && images <= long{most_images}, "images is ",
                      count > 3 ? arguments[3] : "", "; it must be from 100 to ", most_images);
    print_table(arguments[1], arguments[2], static_cast<std::size_t>(images));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "altered_images: %s\n", error.what());
    return 1;
  }
}
