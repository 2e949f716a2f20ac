// SPDX-License-Identifier: MIT
#include "tools/pack_images.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <zlib.h>

#include <scoresde/error.hpp>
#include <scoresde/io/image_pack_writer.hpp>

#include "cli/stop_signals.hpp"

namespace dataset {
namespace {

using scoresde::io::BrokenImage;
using scoresde::io::ImagePackWriter;
using scoresde::io::PackBlock;

/// Prepared images of consecutive sources, and why some are missing.
struct Prepared {
  std::vector<std::uint8_t> pixels;
  std::vector<std::string> failures;  ///< empty where there is an image
};

void prepare_one(const ImageSource& source, std::size_t i, const PackOptions& options,
                 scoresde::data::ImagePreparer& prepare, std::span<std::uint8_t> out) {
  const auto image = source.read(i);
  const auto extents = prepare.extents_of(image);
  scoresde::require(extents == options.extents, "the image has ", extents.width, " x ",
                    extents.height, " pixels; those of the data set have ", options.extents.width,
                    " x ", options.extents.height);
  prepare(image, out);
}

Prepared prepare_block(const ImageSource& source, std::size_t first, std::size_t count,
                       const PackOptions& options) {
  const std::size_t dim = 3 * options.extents.size();
  Prepared block{std::vector<std::uint8_t>(count * dim), std::vector<std::string>(count)};
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    scoresde::data::ImagePreparer prepare(options.preparation);
    for (std::size_t k = next++; k < count; k = next++) {
      try {
        prepare_one(source, first + k, options, prepare,
                    std::span(block.pixels).subspan(k * dim, dim));
      } catch (const std::exception& failure) {
        block.failures[k] = failure.what();
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 1; t < std::min(options.threads, count); ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return block;
}

/// Moves the images together.
PackBlock without_broken(const ImageSource& source, std::size_t first, Prepared prepared) {
  const std::size_t count = prepared.failures.size(), dim = prepared.pixels.size() / count;
  PackBlock block{
      .sources = count, .pixels = std::move(prepared.pixels), .labels = {}, .broken = {}};
  for (std::size_t k = 0; k < count; ++k) {
    if (!prepared.failures[k].empty()) {
      block.broken.push_back({source.name(first + k), prepared.failures[k]});
      continue;
    }
    if (block.labels.size() < k)
      std::copy_n(block.pixels.begin() + static_cast<std::ptrdiff_t>(k * dim), dim,
                  block.pixels.begin() + static_cast<std::ptrdiff_t>(block.labels.size() * dim));
    block.labels.push_back(source.label(first + k));
  }
  block.pixels.resize(block.labels.size() * dim);
  return block;
}

/// Everything that the contents of the pack depend on.
std::string description_of(const ImageSource& source, std::size_t count,
                           const PackOptions& options) {
  std::uint32_t names = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = source.name(i) + '\n';
    names = static_cast<std::uint32_t>(
        ::crc32_z(names, reinterpret_cast<const unsigned char*>(name.data()), name.size()));
  }
  return scoresde::text(options.source, '\n', count, ' ', names);
}

/// Throws Error for broken images among `sources` that are rejected.
void require_accepted(const std::vector<BrokenImage>& broken, const PackOptions& options,
                      const std::string& sources) {
  if (broken.empty() || options.broken == BrokenImages::skip) return;
  throw scoresde::Error(scoresde::text(broken.size(), " of ", sources, " are broken, the first is ",
                                       broken.front().name, "; --broken skip leaves them out"));
}

/// Blocks of up to 64 MiB keep every thread busy.
std::size_t images_per_block(const PackOptions& options) {
  constexpr std::size_t bytes = std::size_t{64} << 20, most = 4096;
  return std::clamp<std::size_t>(bytes / (3 * options.extents.size()), 1, most);
}

}  // namespace

PackResult pack_images(const ImageSource& source, const std::filesystem::path& output,
                       const PackOptions& options,
                       const std::function<void(std::size_t, std::size_t)>& progress,
                       const std::function<void(const std::string&, const std::string&)>& report) {
  const std::size_t count = options.images > 0 ? options.images : source.size();
  ImagePackWriter writer(
      output,
      {3, options.extents.height, options.extents.width, 0, source.classes(), options.source},
      description_of(source, count, options));
  PackResult result{.resumed = writer.sources()};
  for (const BrokenImage& image : writer.broken()) report(image.name, image.reason);
  require_accepted(writer.broken(), options, "the images of an earlier run");
  while (writer.sources() < count && !programs::stop_requested()) {
    const std::size_t first = writer.sources();
    const std::size_t images = std::min(images_per_block(options), count - first);
    const PackBlock block =
        without_broken(source, first, prepare_block(source, first, images, options));
    for (const BrokenImage& image : block.broken) report(image.name, image.reason);
    require_accepted(block.broken, options,
                     scoresde::text("images ", first, " to ", first + images - 1));
    writer.append(block);
    progress(writer.sources(), count);
  }
  result.images = writer.images();
  result.broken = writer.broken().size();
  result.complete = writer.sources() == count;
  if (result.complete) writer.finish();
  return result;
}

}  // namespace dataset
