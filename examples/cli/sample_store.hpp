// SPDX-License-Identifier: MIT
/// The samples of a run on disk: an ImageStore whose file becomes samples.safetensors when all
/// samples are finished, with samples.npy and samples.png.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "cli/image_store.hpp"
#include "cli/sample_headers.hpp"
#include "cli/sample_progress.hpp"
#include "cli/streamed_file.hpp"

namespace programs {

class SampleStore : public ImageStore {
 public:
  static constexpr const char* name = "samples";
  static constexpr std::array finished_names{"samples.safetensors", "samples.npy", "samples.png"};

  /// Throws Error unless every file of a run in `folder` can be written, before it begins.
  static void require_writable(const std::filesystem::path& folder) {
    for (const char* file : finished_names) scoresde::io::require_writable_file(folder / file);
    ImageStore::require_writable(folder, name);
  }

  /// Begins, or continues after progress.samples samples. Throws Error as ImageStore does.
  SampleStore(std::filesystem::path folder, const SampleLayout& layout, Metadata metadata,
              SampleProgress progress)
      : ImageStore(std::move(folder), name, layout,
                   safetensors_header(layout, metadata, "").size() + layout.class_bytes(),
                   std::move(progress)),
        metadata_(std::move(metadata)) {}

  /// Writes the files of all samples; class_of(k) is the class of sample k.
  template <class ClassOf>
  void finish(const std::string& nfe, std::size_t columns, const ClassOf& class_of) {
    const std::string header = safetensors_header(layout(), metadata_, nfe);
    write_header(0, std::as_bytes(std::span(header)));
    std::vector<std::uint32_t> classes;
    for (std::size_t k = 0; layout().classes && k < layout().samples; k += classes.size()) {
      classes.resize(std::min<std::size_t>(block, layout().samples - k));
      for (std::size_t i = 0; i < classes.size(); ++i) classes[i] = class_of(k + i);
      write_header(header.size() + sizeof(std::uint32_t) * k, std::as_bytes(std::span(classes)));
    }
    write_npy();
    write_grid(folder() / "samples.png", {.columns = columns});
    ImageStore::finish("samples.safetensors");
  }

 private:
  static constexpr std::size_t block = 1 << 18;  ///< numbers copied at a time

  void write_npy() const {
    StreamedFile npy(folder() / ("samples.npy.part-" + std::to_string(::getpid())));
    try {
      const std::string header = npy_header(layout());
      npy.resize(0);
      npy.write(0, std::as_bytes(std::span(header)));
      std::vector<std::byte> bytes(sizeof(float) * block);
      for (std::uint64_t at = 0, all = layout().all_bytes(); at < all; at += bytes.size()) {
        bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), all - at)));
        read(at, bytes);
        npy.write(header.size() + at, bytes);
      }
      npy.rename_to(folder() / "samples.npy");
    } catch (const scoresde::Error&) {
      std::error_code failure;
      std::filesystem::remove(npy.path(), failure);
      throw;
    }
  }

  Metadata metadata_;
};

}  // namespace programs
