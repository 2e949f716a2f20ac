// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/zip_archive.hpp>
#include <scoresde/io/zip_writer.hpp>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"

namespace {

using namespace std::literals;
using scoresde::Error;
using scoresde::io::MappedFile;
using scoresde::io::ZipArchive;
using scoresde::io::ZipChecksums;
using scoresde::test::TemporaryFolder;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// An archive of two entries, as bytes.
std::string two_entries() {
  const TemporaryFolder folder;
  scoresde::io::detail::TemporaryFile file(folder / "a.zip");
  scoresde::io::detail::ZipWriter zip(file);
  zip.add("a/first", bytes_of("some bytes"));
  zip.add("a/second", {});
  zip.finish();
  file.rename_to_target();
  const auto bytes = scoresde::io::read_file(folder / "a.zip");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view text_of(const ZipArchive& archive, std::string_view name) {
  return scoresde::io::detail::characters(archive.bytes_of(name));
}

template <class Number>
std::string little(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string with(std::string bytes, std::size_t at, std::string_view patch) {
  return bytes.replace(at, patch.size(), patch);
}

}  // namespace

TEST_CASE("what the zip writer stores, the archive gives back, aligned to 64 bytes") {
  const std::string bytes = two_entries();
  const ZipArchive archive(bytes_of(bytes));
  CHECK(text_of(archive, "a/first") == "some bytes");
  CHECK(archive.bytes_of("a/second").empty());
  CHECK(bytes.find("some bytes") % 64 == 0);
  CHECK(archive.contains("a/second"));
  CHECK_FALSE(archive.contains("a"));
  REQUIRE_THROWS_WITH(archive.bytes_of("b"), Catch::Contains("no entry b"));
  std::string names;
  archive.for_each_name([&](std::string_view name) { names += std::string(name) + ' '; });
  CHECK(names == "a/first a/second ");
}

TEST_CASE("damaged, compressed, encrypted and doubled entries of an archive are refused") {
  const std::string good = two_entries();
  const std::size_t central = good.find("PK\x01\x02");
  const std::string damaged = with(good, good.find("some bytes"), "S");
  CHECK_THROWS_WITH(ZipArchive(bytes_of(damaged)).bytes_of("a/first"), Catch::Contains("damaged"));
  CHECK(text_of(ZipArchive(bytes_of(damaged), ZipChecksums::ignored), "a/first") == "Some bytes");
  CHECK_THROWS_WITH(ZipArchive(bytes_of(with(good, central + 10, "\x08"))),
                    Catch::Contains("method 8"));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(with(good, central + 8, "\x01"))),
                    Catch::Contains("encrypted"));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(with(good, central + 20, "\x05"))),
                    Catch::Contains("compressed"));
  const std::size_t second = good.find("PK\x01\x02", central + 4);
  const std::string doubled =
      with(good, second + 28, little<std::uint16_t>(7) + good.substr(second + 30, 16) + "a/first");
  CHECK_THROWS_AS(ZipArchive(bytes_of(doubled)), Error);
  CHECK_THROWS_WITH(ZipArchive(bytes_of(with(good, central + 42, little<std::uint32_t>(1u << 30))))
                        .bytes_of("a/first"),
                    Catch::Contains("lies at byte"));
  const std::string longer =
      with(good, central + 20, little<std::uint32_t>(5000) + little<std::uint32_t>(5000));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(longer)).bytes_of("a/first"),
                    Catch::Contains("5000 bytes"));
}

TEST_CASE("an archive that is cut off anywhere is refused, one with a comment is read") {
  const std::string good = two_entries();
  for (std::size_t length = 0; length < good.size(); ++length)
    REQUIRE_THROWS_AS(ZipArchive(bytes_of(std::string_view(good).substr(0, length))), Error);
  const std::string commented = with(good, good.size() - 2, "\x05") + "PK\x05\x06!";
  CHECK(text_of(ZipArchive(bytes_of(commented)), "a/first") == "some bytes");
}

TEST_CASE("the zip64 end of an archive is read where the short one says so") {
  const std::string good = two_entries();
  const std::size_t end = good.size() - 22, central = good.find("PK\x01\x02");
  const auto zip64 = [&](std::uint64_t entries, std::uint64_t place) {
    std::string record = "PK\x06\x06" + little<std::uint64_t>(44) + little<std::uint32_t>(0) +
                         little<std::uint64_t>(0) + little(entries) + little(entries) +
                         little<std::uint64_t>(end - central) + little<std::uint64_t>(central);
    record += "PK\x06\x07" + little<std::uint32_t>(0) + little(place) + little<std::uint32_t>(1);
    return good.substr(0, end) + record + with(good.substr(end), 8, "\xff\xff\xff\xff");
  };
  const std::string archive = zip64(2, end);
  CHECK(text_of(ZipArchive(bytes_of(archive)), "a/first") == "some bytes");
  CHECK_THROWS_AS(ZipArchive(bytes_of(zip64(3, end))), Error);
  CHECK_THROWS_WITH(ZipArchive(bytes_of(zip64(2, end - 1))), Catch::Contains("zip64 end"));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(zip64(2, std::uint64_t{1} << 60))),
                    Catch::Contains("behind"));
}

TEST_CASE("a mapped file shows its bytes, also after it has moved, and must be a regular file") {
  const TemporaryFolder folder;
  MappedFile file(folder.write("f", "text"));
  const MappedFile moved(std::move(file));
  CHECK(scoresde::io::detail::characters(moved.bytes()) == "text");
  CHECK(MappedFile(folder.write("empty", "")).bytes().empty());
  CHECK_THROWS_WITH(MappedFile(folder.path()), Catch::Contains("regular"));
  CHECK_THROWS_WITH(MappedFile(folder / "none"), Catch::Contains("cannot be opened"));
}
