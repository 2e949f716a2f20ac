// SPDX-License-Identifier: MIT
/// scoresde_dataset: packs a data set of images into one memory-mapped file for --data.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>

#include <scoresde/io/image_pack.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/command_line.hpp"
#include "cli/progress_bar.hpp"
#include "cli/stop_signals.hpp"
#include "tools/dataset_options.hpp"
#include "tools/image_source.hpp"
#include "tools/pack_images.hpp"

namespace {

using dataset::Options;
using scoresde::require_usage;

int verify(const Options& o) {
  const scoresde::io::ImagePack pack(o.input);
  const auto& contents = pack.contents();
  programs::ProgressBar bar("checked");
  const std::size_t step = std::max<std::size_t>(1, contents.images / 1000);
  for (std::size_t i = 0; i < contents.images && !programs::stop_requested(); i += step) {
    const std::size_t end = std::min(i + step, contents.images);
    pack.check_images(i, end);
    bar.show(static_cast<double>(end) / static_cast<double>(contents.images), "");
  }
  bar.end_line();
  if (programs::stop_requested()) return programs::stop_status();
  std::cout << o.input.string() << ": " << contents.images << " images of " << contents.channels
            << " x " << contents.height << " x " << contents.width << ", "
            << contents.classes.size() << " classes; every checksum matches\n"
            << contents.source;
  return 0;
}

void report_broken(const std::string& name, const std::string& reason) {
  std::cerr << "broken      " << name << ": " << reason << '\n';
}

int report(const Options& o, const dataset::ImageSource& source,
           const dataset::PackOptions& options, const dataset::PackResult& result) {
  if (result.resumed > 0) std::cout << "continued after " << result.resumed << " images\n";
  if (!result.complete) {
    std::cout << "stopped by " << programs::stop_signal_name() << " after "
              << result.images + result.broken << " images; the same command continues\n";
    return programs::stop_status();
  }
  std::cout << "wrote " << o.output.string() << ": " << result.images << " images of 3 x "
            << options.extents.height << " x " << options.extents.width << ", "
            << source.classes().size() << " classes, " << result.broken << " broken left out\n";
  return 0;
}

int run(const Options& o) {
  programs::catch_stop_signals();
  require_usage(o.verify == o.output.empty(), o.verify ? "OUTPUT cannot be combined with --verify"
                                                       : "OUTPUT is missing: the pack to write");
  if (o.verify) return verify(o);
  const auto preparation = scoresde::as_usage([&] { return dataset::preparation_of(o); });
  require_usage(o.size > 0 || preparation.crop == scoresde::data::CenterCrop::none,
                "--size is missing: height and width of the packed images, for example 64");
  scoresde::require(o.overwrite || !std::filesystem::exists(o.output),
                    "OUTPUT: ", o.output.string(), " exists; --overwrite replaces it");
  const auto source = dataset::source_of(o);
  require_usage(o.images <= source->size(), "--images is ", o.images, "; ", o.input.string(),
                " has ", source->size());
  const dataset::PackOptions options = dataset::pack_options(o, *source);
  programs::ProgressBar bar("packed");
  const auto show = [&](std::size_t done, std::size_t all) {
    bar.show(static_cast<double>(done) / static_cast<double>(all), std::to_string(done));
  };
  const auto result = dataset::pack_images(*source, o.output, options, show, report_broken);
  bar.end_line();
  return report(o, *source, options, result);
}

}  // namespace

int main(int argc, char** argv) {
  programs::CommandLine line(
      "scoresde_dataset",
      "Packs a data set of images into one file that is mapped into memory, for --data of the "
      "programs.",
      "Examples\n"
      "  scoresde_dataset img_align_celeba celeba64.pack --size 64 --preparation score_sde_celeba\n"
      "  scoresde_dataset church_outdoor_train_lmdb church.pack --size 256 --preparation "
      "score_sde_lsun\n"
      "  scoresde_dataset celeba_hq_1024 celebahq.pack --size 1024 --preparation exact\n"
      "  scoresde_dataset --verify celeba64.pack\n"
      "A run that was stopped is continued by the same command.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 129, 130 or 143 stopped by "
      "SIGHUP, SIGINT or SIGTERM.");
  Options options;
  dataset::add_options(line, options);
  return line.run(argc, argv, [&] { return run(options); });
}
