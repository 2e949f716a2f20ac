// SPDX-License-Identifier: MIT
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/lmdb.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"
#if defined(SCORESDE_TEST_LMDB)
#include "support/lmdb_database.hpp"
#endif

namespace {

using scoresde::io::LmdbFile;
using scoresde::io::LmdbView;
using scoresde::test::bytes_of;
using scoresde::test::TemporaryFolder;

const std::filesystem::path corpus =
    std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests/fuzz/corpus/lmdb";

TEST_CASE("LmdbFile reads a database of short and long values") {
  const LmdbFile file(corpus / "three_entries.mdb");
  REQUIRE(file.size() == 3);
  REQUIRE(file[0].key == "a");
  REQUIRE(scoresde::io::characters(file[0].value) == "short");
  REQUIRE(file[1].key == "b");
  REQUIRE(scoresde::io::characters(file[1].value) == std::string(3000, 'x'));
  REQUIRE(file[2].key == "c");
  REQUIRE(file[2].value.empty());
}

TEST_CASE("LmdbFile rejects other files by name") {
  const TemporaryFolder folder;
  const auto path = folder.write("data.mdb", std::string(9000, 'x'));
  REQUIRE_THROWS_WITH(LmdbFile(path),
                      Catch::Contains(path.string()) && Catch::Contains("meta page at byte 0"));
  REQUIRE_THROWS_WITH(LmdbFile(folder.path()),
                      Catch::Contains("data.mdb") || Catch::Contains("meta page at byte 0"));
  REQUIRE_THROWS_WITH(LmdbFile(folder / "none"), Catch::Contains("none"));
}

TEST_CASE("LmdbView rejects truncated databases") {
  const std::string bytes = bytes_of(corpus / "three_entries.mdb");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, std::size_t{4200}, bytes.size() / 2, bytes.size() - 1})
    REQUIRE_THROWS_AS(LmdbView(bytes_of(bytes.substr(0, size))), scoresde::Error);
}

TEST_CASE("LmdbView rejects a tree that contains a page twice") {
  std::string bytes = bytes_of(corpus / "three_entries.mdb");
  const LmdbView view(bytes_of(bytes));  // as it is, it is read
  REQUIRE(view.size() == 3);
  // The leaf becomes a branch whose first child is, by its low bits, the page itself.
  const std::size_t page = 4096;
  const std::size_t meta = bytes[page + 16 + 128] > bytes[16 + 128] ? page : 0;
  const auto root = static_cast<unsigned char>(bytes[meta + 16 + 24 + 48 + 40]);
  const std::size_t at = page * root;
  bytes[at + 10] = 1;
  const auto node = static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + 16])) +
                    256 * static_cast<unsigned char>(bytes[at + 17]);
  for (std::size_t i = 0; i < 6; ++i)
    bytes[at + node + i] = i == 0 ? static_cast<char>(root) : '\0';
  REQUIRE_THROWS_WITH(LmdbView(bytes_of(bytes)), Catch::Contains("in its tree twice"));
}

#if defined(SCORESDE_TEST_LMDB)
TEST_CASE("LmdbFile reads what liblmdb wrote, in the order of the keys") {
  std::map<std::string, std::string> entries;
  for (std::size_t i = 0; i < 5000; ++i)
    entries[std::to_string(i * 2654435761U % 100003)] =
        std::string(i % 7 == 0 ? 5000 + i : i % 900, static_cast<char>('a' + i % 26));
  const TemporaryFolder folder;
  scoresde::test::write_lmdb(folder / "db", entries, 700);
  for (const auto& path : {folder / "db", folder / "db/data.mdb"}) {
    const LmdbFile file(path);
    REQUIRE(file.size() == entries.size());
    std::size_t i = 0;
    for (const auto& [key, value] : entries) {
      REQUIRE(file[i].key == key);
      REQUIRE(scoresde::io::characters(file[i].value) == value);
      ++i;
    }
  }
}

TEST_CASE("LmdbFile reads an empty database") {
  const TemporaryFolder folder;
  scoresde::test::write_lmdb(folder / "db", {});
  REQUIRE(LmdbFile(folder / "db").size() == 0);
}
#endif

}  // namespace
