// SPDX-License-Identifier: MIT
/// Files are whole or absent, and a folder that cannot be written to is told at once.
#include <string>

#include <scoresde/io/atomic_file.hpp>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"

using scoresde::io::read_file;
using scoresde::io::require_writable_folder;
using scoresde::io::write_file_atomically;
using scoresde::test::TemporaryFolder;

TEST_CASE("a file is replaced whole, with nothing left beside it") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "f", "first and long");
  write_file_atomically(folder / "f", "second");
  const auto bytes = read_file(folder / "f");
  REQUIRE(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == "second");
  REQUIRE(folder.files() == 1);
  write_file_atomically(folder / "empty", "");
  REQUIRE(read_file(folder / "empty").empty());
}

TEST_CASE("a writer that gives up leaves the old file and no temporary") {
  const TemporaryFolder folder;
  folder.write("f", "old");
  {
    scoresde::io::detail::TemporaryFile half(folder / "f");
    half.write(std::as_bytes(std::span("half", 4)));
    REQUIRE(folder.files() == 2);
  }
  REQUIRE(folder.files() == 1);
  REQUIRE(read_file(folder / "f").size() == 3);
}

TEST_CASE("a full disk is an error, not a short file") {
  if (!std::filesystem::exists("/dev/full")) return;
  const TemporaryFolder folder;
  // the temporary's name is a link to a device on which every write fails
  const auto part = folder / ("f.part-" + std::to_string(::getpid()));
  std::filesystem::create_symlink("/dev/full", part);
  REQUIRE_THROWS_WITH(write_file_atomically(folder / "f", "data"),
                      Catch::Contains("cannot be written"));
  REQUIRE(folder.files() == 0);
}

TEST_CASE("a folder is made and proved writable") {
  const TemporaryFolder folder;
  require_writable_folder(folder / "a/b/c");
  REQUIRE(std::filesystem::is_directory(folder / "a/b/c"));
  REQUIRE(std::filesystem::is_empty(folder / "a/b/c"));
  folder.write("file", "x");
  REQUIRE_THROWS_WITH(require_writable_folder(folder / "file"), Catch::Contains("folder"));
  REQUIRE_THROWS_WITH(require_writable_folder(folder / "file/below"), Catch::Contains("folder"));
  REQUIRE_THROWS_WITH(require_writable_folder("/proc/self/scoresde"), Catch::Contains("folder"));
}
