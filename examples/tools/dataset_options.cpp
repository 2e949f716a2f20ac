// SPDX-License-Identifier: MIT
#include "tools/dataset_options.hpp"

#include <algorithm>
#include <map>
#include <system_error>
#include <thread>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/registry/image_preparations.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/resize.hpp>

#include "cli/checks.hpp"

namespace dataset {
namespace {

const std::map<std::string, SourceKind> kinds{
    {"cifar10", SourceKind::cifar10}, {"folder", SourceKind::folder}, {"lmdb", SourceKind::lmdb}};

/// Height and width of the packed images: --size, or those of the first image that can be read.
scoresde::PlaneExtents extents_of(const Options& o, const ImageSource& source) {
  if (o.size > 0) return {o.size, o.size};
  const bool skips = o.broken == "skip";
  const scoresde::data::ImagePreparer prepare(preparation_of(o));
  for (std::size_t i = 0; i < source.size(); ++i) {
    try {
      return prepare.extents_of(source.read(i));
    } catch (const scoresde::Error& failure) {
      scoresde::require(skips, "INPUT: ", source.name(i), ": ", failure.what(),
                        "; --broken skip leaves broken images out");
    }
  }
  throw scoresde::Error(scoresde::text("INPUT: ", o.input.string(), " has no image to pack"));
}

/// For the pack: what its images are made from.
std::string source_text(const Options& o, const PackOptions& pack) {
  std::error_code failure;
  const auto path = std::filesystem::weakly_canonical(o.input, failure);
  return scoresde::text("source = ", path.string(), o.test_split ? ", test set" : "",
                        "\ncrop = ", scoresde::name_of(pack.preparation.crop),
                        "\nfilter = ", scoresde::name_of(pack.preparation.rule),
                        "\nrounding = ", scoresde::name_of(pack.preparation.rounding),
                        "\nsize = ", pack.extents.width, " x ", pack.extents.height, '\n');
}

void add_preparation(programs::CommandLine& line, Options& o) {
  using programs::one_of;
  std::vector<std::string> preparations;
  for (const auto& known : scoresde::image_preparations) preparations.emplace_back(known.name);
  line.add_option("--size", o.size, "Height and width of the packed images")
      .check(programs::natural_number(1, 65536));
  line.add_option("--preparation", o.preparation,
                  "Published convention of crop, filter and rounding: square (Lanczos filter, as "
                  "StyleGAN's and EDM's tools), exact (all images must have one size), "
                  "score_sde_celeba, score_sde_lsun, celeba_178")
      .shows_default()
      .check(one_of(preparations));
  line.add_option("--crop", o.crop, "Center crop instead of the preparation's")
      .check(one_of(scoresde::names_of<scoresde::data::CenterCrop>()));
  line.add_option("--filter", o.filter, "Filter of the resize instead of the preparation's")
      .check(one_of(scoresde::names_of<scoresde::ResizeRule>()));
  line.add_option("--rounding", o.rounding, "Rounding to bytes instead of the preparation's")
      .check(one_of(scoresde::names_of<scoresde::data::ByteRounding>()));
}

}  // namespace

scoresde::data::ImagePreparation preparation_of(const Options& o) {
  auto preparation = scoresde::image_preparation("--preparation", o.preparation);
  using scoresde::from_name;
  if (!o.crop.empty()) preparation.crop = from_name<scoresde::data::CenterCrop>("--crop", o.crop);
  if (!o.filter.empty()) preparation.rule = from_name<scoresde::ResizeRule>("--filter", o.filter);
  if (!o.rounding.empty())
    preparation.rounding = from_name<scoresde::data::ByteRounding>("--rounding", o.rounding);
  if (o.preparation != "exact" && o.size > 0) preparation.size = {o.size, o.size};
  return preparation;
}

std::unique_ptr<ImageSource> source_of(const Options& o) {
  const auto kind = o.from.empty() ? kind_of_source(o.input) : kinds.at(o.from);
  scoresde::require_usage(!o.test_split || kind == SourceKind::cifar10,
                          "--test is for CIFAR-10's folder");
  using scoresde::data::Split;
  return open_source(o.input, kind, o.test_split ? Split::test : Split::train);
}

PackOptions pack_options(const Options& o, const ImageSource& source) {
  PackOptions options{
      .preparation = preparation_of(o),
      .extents = extents_of(o, source),
      .broken = o.broken == "skip" ? BrokenImages::skip : BrokenImages::reject,
      .images = o.images,
      .threads = o.threads > 0 ? o.threads : std::max(1U, std::thread::hardware_concurrency()),
      .source = {}};
  options.source = source_text(o, options);
  return options;
}

void add_options(programs::CommandLine& line, Options& o) {
  using programs::natural_number, programs::one_of;
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds) names.push_back(name);
  line.add_option(
          "INPUT", o.input,
          "CIFAR-10's binary folder; a folder of PNG, JPEG or WebP images, whose subfolders "
          "are classes; an LMDB database of such images, as LSUN's; recognized by content")
      .required()
      .check(programs::path());
  line.add_option("OUTPUT", o.output, "The pack to write").check(programs::path());
  line.add_option("--from", o.from, "Kind of INPUT (default: by content)").check(one_of(names));
  add_preparation(line, o);
  line.add_option("--broken", o.broken,
                  "Images that cannot be decoded, have another size than exact's, or are smaller "
                  "than their crop: reject ends the program, skip leaves them out; both name them")
      .shows_default()
      .check(one_of({"reject", "skip"}));
  line.add_option("--images", o.images, "Pack the first images alone (default: all)")
      .check(natural_number(1));
  line.add_flag("--test", o.test_split, "The test set of CIFAR-10 instead of its training set");
  line.add_option("--threads", o.threads, "Threads that decode (default: one per processor)")
      .check(natural_number(1, 1024));
  line.add_flag("--overwrite", o.overwrite, "Allow OUTPUT to replace a file");
  line.add_flag("--verify", o.verify,
                "Only compare all checksums of the pack INPUT and print what it holds");
}

}  // namespace dataset
