// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <sys/resource.h>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/detail/inflate.hpp>
#include <scoresde/io/detail/zip_writer.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/zip_archive.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

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

std::string text_of(const ZipArchive& archive, std::string_view name) {
  const auto read = archive.read(name);
  return std::string(scoresde::io::characters(read.bytes()));
}

/// The contents of deflated_archive(): 2000 characters.
std::string long_text() {
  std::string text;
  while (text.size() < 1998) text += "scoresde ";
  return text + "xy";
}

/// zipfile.ZipFile(…, 'w', zipfile.ZIP_DEFLATED) with long_text() as entry a (Python 3.11).
std::string deflated_archive() {
  return std::string(
      "\x50\x4b\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00\x97\x36"
      "\x31\x38\x1d\x00\x00\x00\xd0\x07\x00\x00\x01\x00\x00\x00\x61\x2b"
      "\x4e\xce\x2f\x4a\x2d\x4e\x49\x55\x28\x1e\x65\x8c\x32\x46\x19\xa3"
      "\x8c\x51\xc6\x28\x63\x94\x31\x34\x19\x15\x95\x00\x50\x4b\x01\x02"
      "\x14\x03\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00\x97\x36\x31\x38"
      "\x1d\x00\x00\x00\xd0\x07\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x61\x50\x4b\x05\x06\x00"
      "\x00\x00\x00\x01\x00\x01\x00\x2f\x00\x00\x00\x3c\x00\x00\x00\x00"
      "\x00",
      129);
}

template <class Number>
std::string little(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string with(std::string bytes, std::size_t at, std::string_view patch) {
  return bytes.replace(at, patch.size(), patch);
}

}  // namespace

TEST_CASE("ZipArchive reads what ZipWriter stores, aligned to 64 bytes") {
  const std::string bytes = two_entries();
  const ZipArchive archive(bytes_of(bytes));
  CHECK(text_of(archive, "a/first") == "some bytes");
  CHECK(text_of(archive, "a/second").empty());
  CHECK(bytes.find("some bytes") % 64 == 0);
  CHECK(archive.contains("a/second"));
  CHECK_FALSE(archive.contains("a"));
  REQUIRE_THROWS_WITH(archive.read("b"), Catch::Contains("no entry b"));
  std::string names;
  archive.for_each_name([&](std::string_view name) { names += std::string(name) + ' '; });
  CHECK(names == "a/first a/second ");
}

TEST_CASE("damaged, encrypted and duplicate entries are rejected") {
  const std::string good = two_entries();
  const std::size_t central = good.find("PK\x01\x02");
  const std::string damaged = with(good, good.find("some bytes"), "S");
  CHECK_THROWS_WITH(ZipArchive(bytes_of(damaged)).read("a/first"), Catch::Contains("damaged"));
  CHECK(text_of(ZipArchive(bytes_of(damaged), ZipChecksums::ignored), "a/first") == "Some bytes");
  // A problem of one entry does not affect another.
  for (const auto& [at, patch, words] :
       {std::tuple(10, "\x0c", "method 12; it must be stored"), std::tuple(8, "\x01", "encrypted"),
        std::tuple(20, "\x05", "has 5 bytes; its declared size is 10")}) {
    const std::string odd = with(good, central + std::size_t(at), patch);
    CHECK_THROWS_WITH(ZipArchive(bytes_of(odd)).read("a/first"), Catch::Contains(words));
    CHECK(text_of(ZipArchive(bytes_of(odd)), "a/second").empty());
  }
  const std::size_t second = good.find("PK\x01\x02", central + 4);
  const std::string doubled =
      with(good, second + 28, little<std::uint16_t>(7) + good.substr(second + 30, 16) + "a/first");
  CHECK_THROWS_AS(ZipArchive(bytes_of(doubled)), Error);
  CHECK_THROWS_WITH(ZipArchive(bytes_of(with(good, central + 42, little<std::uint32_t>(1u << 30))))
                        .read("a/first"),
                    Catch::Contains("is at byte"));
  const std::string longer =
      with(good, central + 20, little<std::uint32_t>(5000) + little<std::uint32_t>(5000));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(longer)),
                    Catch::Contains("5000 bytes") && Catch::Contains("exceed the file"));
  // The second entry would contain the first: in total they exceed the file.
  const auto whole = static_cast<std::uint32_t>(good.size() - 5);
  const std::string overlapping = with(good, second + 20, little(whole) + little(whole));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(overlapping)),
                    Catch::Contains("a/second") && Catch::Contains("exceed the file"));
  const std::string past = with(good, second + 20, little<std::uint32_t>(200) + little(200u));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(past)).read("a/second"),
                    Catch::Contains("200 bytes") && Catch::Contains("from its position on"));
}

TEST_CASE("entries compressed with deflate by Python's zipfile are inflated") {
  const std::string good = deflated_archive();
  const ZipArchive archive(bytes_of(good));
  CHECK(text_of(archive, "a") == long_text());
  CHECK(archive.size_of("a") == 2000);
  CHECK(archive.packed_size_of("a") == 29);
  CHECK(archive.unpacked_size() == 2000);
  for (std::size_t length = 0; length < good.size(); ++length)
    REQUIRE_THROWS_AS(ZipArchive(bytes_of(std::string_view(good).substr(0, length))), Error);
  // The declared size in the directory, which is authoritative, is wrong.
  const std::size_t central = good.find("PK\x01\x02");
  const auto saying = [&](std::uint32_t size) {
    const std::string bytes = with(good, central + 24, little(size));
    CHECK_THROWS_AS(ZipArchive(bytes_of(bytes), ZipChecksums::ignored).read("a"), Error);
    try {
      static_cast<void>(ZipArchive(bytes_of(bytes)).read("a"));
    } catch (const Error& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  CHECK_THAT(saying(1999),
             Catch::Contains("entry a is longer than its declared size of 1999 bytes"));
  CHECK_THAT(saying(2001), Catch::Contains("has 2000 bytes; its declared size is 2001"));
  CHECK_THAT(saying(0), Catch::Contains("longer than its declared size of 0 bytes"));
  CHECK_THAT(saying(0xfffffffe), Catch::Contains("29 compressed bytes inflate to at most 29928"));
  // Truncated, damaged, and with another checksum.
  const std::string cut = with(good, central + 20, little<std::uint32_t>(10));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(cut)).read("a"), Catch::Contains("truncated"));
  const std::string damaged = with(good, good.find("PK\x03\x04") + 31, "\xff\xff");
  CHECK_THROWS_WITH(ZipArchive(bytes_of(damaged)).read("a"), Catch::Contains("damaged"));
  const std::string other = with(good, central + 16, little<std::uint32_t>(1));
  CHECK_THROWS_WITH(ZipArchive(bytes_of(other)).read("a"), Catch::Contains("checksum"));
}

TEST_CASE("an archive truncated at any byte is rejected, one with a comment is read") {
  const std::string good = two_entries();
  for (std::size_t length = 0; length < good.size(); ++length)
    REQUIRE_THROWS_AS(ZipArchive(bytes_of(std::string_view(good).substr(0, length))), Error);
  const std::string commented = with(good, good.size() - 2, "\x05") + "PK\x05\x06!";
  CHECK(text_of(ZipArchive(bytes_of(commented)), "a/first") == "some bytes");
}

TEST_CASE("the zip64 end record is read where the end record refers to it") {
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
                    Catch::Contains("after its end record"));
}

TEST_CASE("MappedFile's bytes stay valid after a move, and it requires a regular file") {
  const TemporaryFolder folder;
  MappedFile file(folder.write("f", "text"));
  const MappedFile moved(std::move(file));
  CHECK(scoresde::io::characters(moved.bytes()) == "text");
  CHECK(MappedFile(folder.write("empty", "")).bytes().empty());
  CHECK_THROWS_WITH(MappedFile(folder.path()), Catch::Contains("regular"));
  CHECK_THROWS_WITH(MappedFile(folder / "none"), Catch::Contains("cannot be opened"));
}

TEST_CASE("a file that cannot be mapped is rejected with its size and the reason") {
  const scoresde::test::TemporaryFolder folder;
  const auto path = folder.write("large", "");
  constexpr std::uint64_t size = std::uint64_t{1} << 40;  // without blocks on the disk
  std::filesystem::resize_file(path, size);
  struct ::rlimit old {};
  REQUIRE(::getrlimit(RLIMIT_AS, &old) == 0);
  struct ::rlimit limit = old;
  limit.rlim_cur = size / 2;
  REQUIRE(::setrlimit(RLIMIT_AS, &limit) == 0);
  std::string message;
  try {
    const scoresde::io::MappedFile file(path);
  } catch (const scoresde::Error& failure) {
    message = failure.what();
  }
  REQUIRE(::setrlimit(RLIMIT_AS, &old) == 0);
  CHECK_THAT(message, Catch::Contains("large of 1099511627776 bytes cannot be mapped: Cannot "
                                      "allocate memory"));
}
