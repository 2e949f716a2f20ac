// SPDX-License-Identifier: MIT
#include "tools/image_source.hpp"

#include <scoresde/error.hpp>
#include <scoresde/io/image_file.hpp>
#include <scoresde/io/image_folder.hpp>
#include <scoresde/io/lmdb.hpp>

namespace dataset {
namespace {

using scoresde::data::RgbImage;

class Cifar10Source final : public ImageSource {
 public:
  Cifar10Source(const std::filesystem::path& folder, scoresde::data::Split split)
      : set_(scoresde::data::read_cifar10(folder, split)) {}

  [[nodiscard]] std::size_t size() const override { return set_.size(); }
  [[nodiscard]] std::string name(std::size_t i) const override {
    return "image " + std::to_string(i);
  }
  [[nodiscard]] std::uint32_t label(std::size_t i) const override { return set_.labels[i]; }
  [[nodiscard]] std::vector<std::string> classes() const override {
    const auto& names = scoresde::data::cifar10_classes;
    return {names.begin(), names.end()};
  }
  [[nodiscard]] RgbImage read(std::size_t i) const override {
    RgbImage image{set_.height, set_.width, {}};
    const auto planes = set_.image(i);
    const std::size_t plane = planes.size() / 3;
    for (std::size_t pixel = 0; pixel < plane; ++pixel)
      for (std::size_t c = 0; c < 3; ++c) image.pixels.push_back(planes[c * plane + pixel]);
    return image;
  }

 private:
  scoresde::data::ImageSet set_;
};

class FolderSource final : public ImageSource {
 public:
  explicit FolderSource(const std::filesystem::path& folder)
      : folder_(scoresde::io::list_image_folder(folder)) {}

  [[nodiscard]] std::size_t size() const override { return folder_.files.size(); }
  [[nodiscard]] std::string name(std::size_t i) const override { return folder_.files[i].string(); }
  [[nodiscard]] std::uint32_t label(std::size_t i) const override {
    return folder_.labels.empty() ? 0 : folder_.labels[i];
  }
  [[nodiscard]] std::vector<std::string> classes() const override { return folder_.classes; }
  [[nodiscard]] RgbImage read(std::size_t i) const override {
    const scoresde::io::MappedFile file(folder_.files[i]);
    return scoresde::io::decode_image(file.bytes());
  }

 private:
  scoresde::io::ImageFolder folder_;
};

class LmdbSource final : public ImageSource {
 public:
  explicit LmdbSource(const std::filesystem::path& path) : file_(path) {}

  [[nodiscard]] std::size_t size() const override { return file_.size(); }
  [[nodiscard]] std::string name(std::size_t i) const override {
    return "key " + scoresde::io::printable(file_[i].key);
  }
  [[nodiscard]] RgbImage read(std::size_t i) const override {
    return scoresde::io::decode_image(file_[i].value);
  }

 private:
  scoresde::io::LmdbFile file_;
};

}  // namespace

SourceKind kind_of_source(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (fs::is_regular_file(path) || fs::exists(path / "data.mdb")) return SourceKind::lmdb;
  scoresde::require(fs::is_directory(path), "INPUT: ", path.string(),
                    " is neither a folder nor an LMDB database");
  const bool cifar10 = fs::exists(path / "data_batch_1.bin") || fs::exists(path / "test_batch.bin");
  return cifar10 ? SourceKind::cifar10 : SourceKind::folder;
}

std::unique_ptr<ImageSource> open_source(const std::filesystem::path& path, SourceKind kind,
                                         scoresde::data::Split split) {
  switch (kind) {
    case SourceKind::cifar10:
      return std::make_unique<Cifar10Source>(path, split);
    case SourceKind::folder:
      return std::make_unique<FolderSource>(path);
    default:
      return std::make_unique<LmdbSource>(path);
  }
}

}  // namespace dataset
