// SPDX-License-Identifier: MIT
#include "cli/likelihood_run.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/histogram.hpp"
#include "cli/likelihood_images.hpp"
#include "cli/progress_bar.hpp"
#include "cli/sample_settings.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

constexpr const char* table_name = "likelihood.csv";
constexpr const char* histogram_name = "likelihood.png";
constexpr const char* kept_name = "likelihood.progress.json";
constexpr const char* partial_name = "likelihood.partial.csv";

/// The settings that the numbers depend on.
std::map<std::string, std::string> likelihood_settings(const LikelihoodOptions& o) {
  using scoresde::text;
  std::map<std::string, std::string> settings{{"checkpoint", file_identity(o.checkpoint)},
                                              {"--data", o.data.string()},
                                              {"--train", text(o.train_split)},
                                              {"--first-image", text(o.first_image)},
                                              {"--images", text(o.images)},
                                              {"--class", o.condition},
                                              {"--batch", text(o.batch)},
                                              {"--repeats", text(o.repeats)},
                                              {"--bound", text(o.draws)},
                                              {"--seed", text(o.seed)},
                                              {"--backend", o.backend.backend}};
  if (o.backend.on_device()) settings["--precision"] = o.backend.precision;
  if (o.discrete)
    settings["--variance"] = o.variance;
  else
    settings.insert({{"--eps", text(o.eps)},
                     {"--rtol", text(o.rtol)},
                     {"--atol", text(o.atol)},
                     {"--control", o.control},
                     {"--probes", text(o.probes)},
                     {"--dequantization", o.dequantization}});
  return settings;
}

/// What is computed, in words.
std::string method_text(const LikelihoodOptions& o) {
  using scoresde::text;
  const std::string bound =
      o.draws > 0 ? text("bound of ", o.draws, o.draws > 1 ? " draws" : " draw", ", ") : "";
  const std::string flow =
      o.discrete ? text("DDPM's ", o.variance, " variance, ")
                 : text("dopri5, ", o.control, ", from t = ", o.eps, ", rtol ", o.rtol, ", atol ",
                        o.atol, ", ", o.probes, " probes, ", o.dequantization, " dequantization, ");
  return text(flow, bound, o.repeats, " repeats, seed ", o.seed);
}

/// Mean and its standard error over images.
struct Summary {
  double mean = 0, error = 0;
};
Summary summary(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : unknown};
}

/// The mean over the repeats of each image.
std::vector<double> by_image(std::span<const ImageBits> rows, std::size_t repeats,
                             double ImageBits::*member) {
  std::vector<double> means(rows.size() / repeats);
  for (std::size_t i = 0; i < rows.size(); ++i)
    means[i / repeats] += rows[i].*member / static_cast<double>(repeats);
  return means;
}

}  // namespace

LikelihoodRun::LikelihoodRun(LikelihoodOptions options, const scoresde::Metadata& configuration)
    : options_(std::move(options)) {
  using scoresde::require;
  const auto network = scoresde::network_of(configuration);
  images_ = likelihood_images(options_, network);
  conditional_ = network.num_class_embeds > 0;
  scoresde::require_usage(
      !conditional_ || options_.condition == "none" || !images_.view().labels.empty(),
      "--class is labels; ", options_.data.string(), " has none, so --class must be none");
  progress_ =
      starting_progress(options_.out, kept_name, options_.resume, likelihood_settings(options_));
  require(
      options_.resume || options_.overwrite || !std::filesystem::exists(options_.out / table_name),
      "--out: ", options_.out.string(),
      " holds finished likelihoods; choose another folder, or replace them with --overwrite");
  for (const char* name : {table_name, histogram_name, kept_name, partial_name})
    scoresde::io::require_writable_file(options_.out / name);
  if (options_.resume) load();
}

void LikelihoodRun::operator()(const BatchLikelihood& likelihood) {
  catch_stop_signals();
  std::cout << "network     " << likelihood.parameters << " parameters\n"
            << "device      " << likelihood.device << '\n'
            << "images      " << options_.first_image << " to "
            << options_.first_image + options_.images - 1 << " of " << options_.data.string()
            << '\n'
            << "method      " << method_text(options_) << std::endl;
  const double start = seconds_now();
  const std::size_t before = progress_.evaluations;
  ProgressBar bar("likelihood", 10);
  while (progress_.samples < options_.images && !stop_requested()) {
    const std::size_t first = progress_.samples;
    evaluate_batch(first, std::min(options_.batch, options_.images - first), likelihood);
    save(before + likelihood.evaluations());
    const auto done = static_cast<double>(progress_.samples);
    const auto bits = by_image(rows_, options_.repeats, value());
    char text[96];
    std::snprintf(text, sizeof text, "images %.0f of %zu  mean %.4f bits/dim", done,
                  options_.images, summary(bits).mean);
    bar.show(done / static_cast<double>(options_.images), text);
  }
  bar.end_line();
  if (progress_.samples > 0) report();
  if (progress_.samples < options_.images) {
    if (progress_.samples > 0)
      std::cout << "file        " << (options_.out / partial_name).string() << '\n';
    std::cout << "stopped     by " << stop_signal_name() << " with " << progress_.samples << " of "
              << options_.images << " images; continue with the same options and --resume\n";
    return;
  }
  finish();
  std::printf("time        %s\n", clock_text(seconds_now() - start).c_str());
}

void LikelihoodRun::evaluate_batch(std::size_t first, std::size_t count,
                                   const BatchLikelihood& likelihood) {
  const std::size_t dim = images_.view().dim(), repeats = options_.repeats;
  const std::vector<std::uint32_t> conditions = classes(first, count);
  rows_.resize((first + count) * repeats);
  for (std::size_t r = 0; r < repeats; ++r) {
    scoresde::HostState<float> x({count, dim});
    const auto* pixels = images_.view().pixels.data() + (options_.first_image + first) * dim;
    std::copy(pixels, pixels + count * dim, x.data());
    const scoresde::Noise noise{
        .seed = options_.seed + r,
        .first_sample = static_cast<std::uint32_t>(options_.first_image + first)};
    const std::vector<ImageBits> found = likelihood.evaluate(x, conditions, noise);
    for (std::size_t k = 0; k < count; ++k) rows_[(first + k) * repeats + r] = found[k];
  }
  progress_.samples = first + count;
}

/// None for an unconditional network.
std::vector<std::uint32_t> LikelihoodRun::classes(std::size_t first, std::size_t count) const {
  if (!conditional_) return {};
  if (options_.condition == "none")
    return std::vector<std::uint32_t>(count, scoresde::nn::no_class);
  const auto begin =
      images_.view().labels.begin() + static_cast<std::ptrdiff_t>(options_.first_image + first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

std::string LikelihoodRun::table() const {
  std::string table = "image,repeat,bits_per_dim,standard_error,bound,bound_error\n";
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    char line[160];
    std::snprintf(line, sizeof line, "%zu,%zu,%.9g,%.9g,%.9g,%.9g\n",
                  options_.first_image + i / options_.repeats, i % options_.repeats, rows_[i].bits,
                  rows_[i].standard_error, rows_[i].bound, rows_[i].bound_error);
    table += line;
  }
  return table;
}

void LikelihoodRun::save(std::size_t evaluations) {
  scoresde::io::write_file_atomically(options_.out / partial_name, std::string_view(table()));
  progress_.evaluations = evaluations;
  write_progress(options_.out / kept_name, progress_);
}

/// Replaces the files of an earlier run, which are kept until this one is complete.
void LikelihoodRun::finish() {
  scoresde::io::write_file_atomically(options_.out / table_name, std::string_view(table()));
  const auto bits = by_image(rows_, options_.repeats, value());
  scoresde::io::write_png(options_.out / histogram_name, histogram_image(histogram(bits, 40)));
  std::filesystem::remove(options_.out / kept_name);
  std::filesystem::remove(options_.out / partial_name);
  std::printf("files       %s, %s\n", (options_.out / table_name).string().c_str(), histogram_name);
}

void LikelihoodRun::load() {
  const auto path = options_.out / partial_name;
  const auto bytes = scoresde::io::read_file(path);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::string line;
  std::getline(lines, line);
  rows_.resize(progress_.samples * options_.repeats);
  for (ImageBits& row : rows_) {
    const bool there = static_cast<bool>(std::getline(lines, line));
    const int read = there ? std::sscanf(line.c_str(), "%*u,%*u,%lg,%lg,%lg,%lg", &row.bits,
                                         &row.standard_error, &row.bound, &row.bound_error)
                           : 0;
    scoresde::require(read == 4, "--resume: ", path.string(), " has no row ", &row - rows_.data(),
                      " with 6 numbers; the stopped run has written ", rows_.size());
  }
}

void LikelihoodRun::report() const {
  const auto bits = by_image(rows_, options_.repeats, value());
  const auto [low, high] = std::minmax_element(bits.begin(), bits.end());
  const auto mean_of = [&](double ImageBits::*member) {
    return summary(by_image(rows_, options_.repeats, member));
  };
  const Summary all = summary(bits);
  std::printf("bits/dim    %.4f +- %.4f, standard error over %zu images; from %.4f to %.4f\n",
              all.mean, all.error, bits.size(), *low, *high);
  if (options_.probes > 1)
    std::printf("trace       standard error %.4f bits/dim of an image in one repeat\n",
                mean_of(&ImageBits::standard_error).mean);
  if (options_.draws > 0 && !options_.discrete) {
    const Summary bound = mean_of(&ImageBits::bound);
    std::printf("bound       %.4f +- %.4f bits/dim\n", bound.mean, bound.error);
  }
  if (options_.draws > 1)
    std::printf("draws       standard error %.4f bits/dim of an image's bound in one repeat\n",
                mean_of(&ImageBits::bound_error).mean);
  std::printf("nfe         %.1f%s\n",
              static_cast<double>(progress_.evaluations) / static_cast<double>(rows_.size()),
              options_.discrete ? "" : ", with a vjp for each probe");
}

}  // namespace programs
