// SPDX-License-Identifier: MIT
#include "cli/evaluate_run.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <system_error>
#include <vector>

#include <scoresde/checkpoint/feature_statistics_file.hpp>
#include <scoresde/error.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/progress_bar.hpp"
#include "cli/resource_check.hpp"
#include "cli/sample_settings.hpp"
#include "cli/stop_signals.hpp"
#include "cli/streamed_file.hpp"

namespace programs {
namespace {

using scoresde::text;

constexpr const char* samples_png = "report_samples.png";
constexpr const char* neighbors_png = "report_neighbors.png";
constexpr const char* features_name = "features.partial";
constexpr const char* logits_name = "logits.partial";

/// A mapped file of float32 rows.
class MappedRows {
 public:
  explicit MappedRows(const std::filesystem::path& path) : file_(path) {}

  [[nodiscard]] scoresde::Features<float> rows(std::size_t first, std::size_t count,
                                               std::size_t dim, std::string_view extractor) const {
    const auto* const values = reinterpret_cast<const float*>(file_.bytes().data());
    return {{values + first * dim, count * dim}, dim, extractor};
  }

 private:
  scoresde::io::MappedFile file_;
};

/// The rows of features and logits on disk, and their number.
class FeatureFiles {
 public:
  /// Continues after progress.samples images. Throws Error if the files have fewer.
  FeatureFiles(const EvaluateOptions& options, const ImageFeatures& network,
               SampleProgress& progress)
      : options_(options),
        network_(network),
        progress_(progress),
        features_(options.out / features_name),
        logits_(options.out / logits_name) {
    cut(features_, network.description.dim);
    cut(logits_, network.classes);
  }
  FeatureFiles(const FeatureFiles&) = delete;
  FeatureFiles& operator=(const FeatureFiles&) = delete;

  /// The next images. Throws Error for features that are not finite, naming the image.
  void append(const EvaluatedImages& images, std::size_t first, std::size_t count) {
    pixels_.resize(count * images.dim());
    images.read(first, pixels_);
    std::vector<float> features(count * network_.description.dim), logits(count * network_.classes);
    network_.compute(pixels_, images.shape(count), features, logits);
    for (std::size_t i = 0; i < features.size(); ++i)
      if (!std::isfinite(features[i]))
        throw scoresde::Error(text("features: that of image ", first + i / network_.description.dim,
                                   " of ", images.name, " is ", features[i],
                                   "; features must be finite"));
    write(features_, features, network_.description.dim);
    write(logits_, logits, network_.classes);
    progress_.samples += count;
    if (seconds_now() - recorded_ >= 1) record();
  }
  void record() {
    features_.flush();  // rows are on disk before their number is
    logits_.flush();
    write_progress(options_.out / evaluation_progress_name, progress_);
    recorded_ = seconds_now();
  }

 private:
  void cut(StreamedFile& file, std::size_t dim) const {
    const std::uint64_t end = progress_.samples * dim * sizeof(float);
    scoresde::require(file.size() >= end, "--resume: ", file.path().string(), " has ", file.size(),
                      " bytes; ", progress_.samples, " images need ", end);
    file.resize(end);
  }
  void write(StreamedFile& file, const std::vector<float>& rows, std::size_t dim) const {
    file.write(progress_.samples * dim * sizeof(float), std::as_bytes(std::span(rows)));
  }

  const EvaluateOptions& options_;
  const ImageFeatures& network_;
  SampleProgress& progress_;
  StreamedFile features_, logits_;
  std::vector<std::uint8_t> pixels_;
  double recorded_ = 0;
};

std::string bytes_of(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes a PNG of images of 8 bits and returns its bytes.
std::string write_grid(const std::filesystem::path& path, const EvaluatedImages& like,
                       std::size_t columns, const std::vector<std::uint8_t>& pixels) {
  std::vector<float> values(pixels.size());
  std::transform(pixels.begin(), pixels.end(), values.begin(),
                 [](std::uint8_t u) { return static_cast<float>(u) / 255; });
  scoresde::io::write_image_grid(path,
                                 {.channels = like.channels,
                                  .height = like.height,
                                  .width = like.width,
                                  .columns = columns,
                                  .centered = false},
                                 std::span<const float>(values));
  return bytes_of(path);
}

void append_image(const EvaluatedImages& images, std::size_t i, std::vector<std::uint8_t>& pixels) {
  const std::size_t at = pixels.size();
  pixels.resize(at + images.dim());
  images.read(i, std::span(pixels).subspan(at));
}

}  // namespace

std::map<std::string, std::string> reference_settings(const EvaluateOptions& o,
                                                      const EvaluationInput& input) {
  std::map<std::string, std::string> settings{
      {"--feature-batch", text(o.feature_batch)},
      {"--data", o.data.string()},
      {"--test", text(o.test_split)},
      {"--first-reference-image", text(o.first_reference_image)},
      {"--reference-images", text(input.real_images())},
      {"--backend", o.sampling.backend.backend}};
  if (o.inception.empty())
    settings["--features"] = file_identity(o.features);
  else
    settings.insert({{"--inception", file_identity(o.inception)}, {"--convention", o.convention}});
  return settings;
}

std::map<std::string, std::string> evaluate_settings(const EvaluateOptions& o,
                                                     const EvaluationInput& input) {
  auto settings = input.settings;
  settings.insert({{"--samples", text(input.samples)},
                   {"--pair-images", text(o.pair_images)},
                   {"--report", text(o.report)},
                   {"--save-statistics", o.save_statistics.string()}});
  settings.merge(reference_settings(o, input));
  if (input.reference) return settings;
  for (const char* name : {"--data", "--test", "--first-reference-image", "--reference-images"})
    settings.erase(name);
  settings["--statistics"] = file_identity(o.statistics);
  return settings;
}

EvaluateRun::EvaluateRun(const EvaluateOptions& options, const EvaluationInput& input)
    : options_(options),
      input_(input),
      reference_(options.reference_rows, options.reference_rows.empty()
                                             ? ReferenceRows::Settings{}
                                             : reference_settings(options, input)) {
  scoresde::require(!std::filesystem::exists(path(table_name)), "--out: ", options_.out.string(),
                    " holds a table of --table1, ", table_name, "; choose another folder");
  progress_ = starting_progress(options_.out, evaluation_progress_name, options_.resume,
                                evaluate_settings(options_, input));
  scoresde::require(
      options_.resume || options_.overwrite || !std::filesystem::exists(path(evaluation_name)),
      "--out: ", options_.out.string(),
      " holds a finished evaluation; choose another folder, or replace it with --overwrite");
  for (const char* name : {evaluation_name, report_name, samples_png, neighbors_png,
                           evaluation_progress_name, features_name, logits_name})
    scoresde::io::require_writable_file(path(name));
  if (!options_.save_statistics.empty())
    scoresde::io::require_writable_file(options_.save_statistics);
}

void EvaluateRun::operator()(const ImageFeatures& network) {
  require_statistics_of(network);
  require_space(network);
  catch_stop_signals();
  report_setup(network);
  try {
    evaluate_all(network);
  } catch (const scoresde::Error&) {
    const bool keeps = progress_.samples > 0 || std::filesystem::exists(path("samples"));
    if (!keeps) remove_partial_files();
    throw;
  }
}

void EvaluateRun::evaluate_all(const ImageFeatures& network) {
  const double start = seconds_now();
  input_.remove_replaced();
  write_progress(path(evaluation_progress_name),
                 progress_);  // also of a run that is killed while it samples
  const auto samples = input_.open_samples();
  catch_stop_signals();
  if (!samples || !compute_features(network, *samples)) return report_stop();
  const Evaluation evaluation = metrics(network, *samples);
  write(network, *samples, evaluation);
  std::cout << evaluation_text(evaluation);
  if (!network.warning.empty()) std::cout << "warning     " << network.warning << '\n';
  std::printf("time        %s\n", clock_text(seconds_now() - start).c_str());
  std::printf("files       %s%s\n", path(evaluation_name).string().c_str(),
              options_.report ? text(", ", report_name).c_str() : "");
  remove_partial_files();
}

void EvaluateRun::remove_partial_files() const {
  std::error_code failure;
  for (const char* name : {features_name, logits_name, evaluation_progress_name})
    std::filesystem::remove(path(name), failure);
}

void EvaluateRun::require_statistics_of(const ImageFeatures& network) const {
  if (!input_.statistics) return;
  const auto& d = network.description;
  scoresde::as_usage([&] {
    scoresde::require_same_features("--statistics", "the features of this run", d.dim, d.identity(),
                                    "those of the file", input_.statistics->dim(),
                                    input_.statistics->extractor);
    return 0;
  });
}

/// Rows are in files that are mapped; copies of the reference's and the samples' are in memory for
/// the floors, with matrices of the metrics.
void EvaluateRun::require_space(const ImageFeatures& network) const {
  const auto d = static_cast<double>(network.description.dim);
  const double row = d + static_cast<double>(network.classes);
  const auto images = static_cast<double>(input_.real_images() + input_.samples);
  const auto pairs = static_cast<double>(options_.pair_images);
  const double files = float_bytes(row * images);
  std::cout << "features    " << size_text(files) << " on disk" << std::endl;
  require_disk_space(options_.out, files, "fewer --samples or --reference-images need less");
  require_memory(float_bytes(2 * row * images) + sizeof(double) * (8 * d * d + 512 * pairs),
                 options_.sampling.backend.memory_limit,
                 "fewer --samples, --reference-images or --pair-images need less");
}

void EvaluateRun::report_setup(const ImageFeatures& network) const {
  for (const auto& [name, value] : facts(network)) {
    std::string padded = name;
    padded.resize(std::max<std::size_t>(12, name.size() + 1), ' ');
    std::cout << padded << value << '\n';
  }
  if (progress_.samples > 0)
    std::cout << "resumed     the features of " << progress_.samples << " images are finished\n";
  std::cout << std::flush;
}

void EvaluateRun::take_reference_rows() {
  const std::size_t real = input_.real_images();
  if (progress_.samples >= real ||
      !reference_.copy_to(path(features_name), path(logits_name), real))
    return;
  progress_.samples = real;
  write_progress(path(evaluation_progress_name), progress_);
}

bool EvaluateRun::compute_features(const ImageFeatures& network, const EvaluatedImages& samples) {
  const std::size_t real = input_.real_images(), all = real + input_.samples;
  take_reference_rows();
  FeatureFiles files(options_, network, progress_);
  ProgressBar bar("features", 10);
  while (progress_.samples < all && !stop_requested()) {
    const bool of_real = progress_.samples < real;
    const std::size_t first = progress_.samples - (of_real ? 0 : real);
    const std::size_t count =
        std::min(options_.feature_batch, (of_real ? real : input_.samples) - first);
    files.append(of_real ? *input_.reference : samples, first, count);
    bar.show(static_cast<double>(progress_.samples) / static_cast<double>(all),
             text(of_real ? "real images " : "samples ", first + count));
    if (of_real && progress_.samples == real) {
      files.record();
      reference_.keep(path(features_name), path(logits_name), real);
    }
  }
  bar.end_line();
  files.record();
  return progress_.samples == all;
}

void EvaluateRun::report_stop() const {
  std::cout << "stopped     by " << stop_signal_name() << " with the features of "
            << progress_.samples << " of " << input_.real_images() + input_.samples
            << " images; continue with the same options and --resume\n";
}

Evaluation EvaluateRun::metrics(const ImageFeatures& network,
                                const EvaluatedImages& samples) const {
  const std::string identity = network.description.identity();
  const MappedRows features(path(features_name)), logits(path(logits_name));
  const std::size_t real = input_.real_images();
  const auto part = [&](std::size_t first, std::size_t count,
                        std::span<const std::uint32_t> labels) -> EvaluatedFeatures {
    return {features.rows(first, count, network.description.dim, identity),
            logits.rows(first, count, network.classes, identity),
            labels.first(std::min(count, labels.size()))};
  };
  const EvaluatedFeatures of_samples = part(real, input_.samples, samples.labels);
  const MetricOptions metric_options{network.description, network.classes_are_labels,
                                     options_.pair_images};
  if (input_.statistics) return evaluate(of_samples, *input_.statistics, metric_options);
  const EvaluatedFeatures of_real = part(0, real, input_.reference->labels);
  if (!options_.save_statistics.empty())
    scoresde::write_feature_moments(options_.save_statistics,
                                    scoresde::feature_moments(of_real.features));
  return evaluate(of_samples, of_real, metric_options);
}

EvaluationFacts EvaluateRun::facts(const ImageFeatures& network) const {
  const std::string split = options_.test_split ? "test split of " : "";
  return {{"samples", text(input_.samples, " of ", input_.samples_name)},
          {"reference", input_.reference
                            ? text(input_.real_images(), " of ", split, input_.reference->name)
                            : options_.statistics.string()},
          {"network", network.description.identity()},
          {"device", network.device}};
}

void EvaluateRun::write(const ImageFeatures& network, const EvaluatedImages& samples,
                        const Evaluation& evaluation) const {
  EvaluationFacts all = facts(network);
  if (!network.warning.empty()) all.emplace_back("warning", network.warning);
  if (options_.report)
    scoresde::io::write_file_atomically(
        path(report_name),
        std::string_view(evaluation_html(all, evaluation, report_images(samples, evaluation))));
  scoresde::io::write_file_atomically(path(evaluation_name),
                                      std::string_view(evaluation_json(all, evaluation)));
}

ReportImages EvaluateRun::report_images(const EvaluatedImages& samples,
                                        const Evaluation& evaluation) const {
  std::vector<std::uint8_t> pixels;
  for (std::size_t i = 0; i < std::min<std::size_t>(64, input_.samples); ++i)
    append_image(samples, i, pixels);
  ReportImages images{write_grid(path(samples_png), samples, 8, pixels), {}};
  if (evaluation.neighbors.empty()) return images;
  pixels.clear();
  for (std::size_t i = 0; i < evaluation.neighbors.size(); ++i) {
    append_image(samples, i, pixels);
    for (const std::size_t neighbor : evaluation.neighbors[i])
      append_image(*input_.reference, neighbor, pixels);
  }
  images.neighbors =
      write_grid(path(neighbors_png), samples, 1 + evaluation.neighbors.front().size(), pixels);
  return images;
}

}  // namespace programs
