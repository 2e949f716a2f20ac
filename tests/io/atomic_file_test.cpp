// SPDX-License-Identifier: MIT
/// Files are complete or absent, and a folder that is not writable is rejected at once.
#include <csignal>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <scoresde/io/atomic_file.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using scoresde::io::read_file;
using scoresde::io::require_writable_file;
using scoresde::io::require_writable_folder;
using scoresde::io::write_file_atomically;
using scoresde::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& path) {
  const auto bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a file is replaced completely, with nothing else left in its folder") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "f", "first and long");
  write_file_atomically(folder / "f", "second");
  REQUIRE(text_of(folder / "f") == "second");
  REQUIRE(folder.files() == 1);
  write_file_atomically(folder / "empty", "");
  REQUIRE(read_file(folder / "empty").empty());
}

TEST_CASE("an abandoned write leaves the old file and no temporary file") {
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

TEST_CASE("a write that cannot be completed throws and leaves the old file") {
  const TemporaryFolder folder;
  folder.write("f", "old");
  struct ::rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const ::rlimit small{4, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_file_atomically(folder / "f", "longer than four");
  } catch (const scoresde::Error& failure) {
    message = failure.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK_THAT(message, Catch::Contains("cannot be written"));
  CHECK(folder.files() == 1);
  CHECK(read_file(folder / "f").size() == 3);
}

TEST_CASE("writing through a symbolic link replaces the file that it points to") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "disk");
  folder.write("disk/file", "old");
  fs::create_symlink("disk/file", folder / "link");
  fs::create_symlink(folder / "link", folder / "second");
  write_file_atomically(folder / "second", "new");
  CHECK(text_of(folder / "disk/file") == "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(fs::is_symlink(folder / "second"));
  fs::create_symlink("disk/later", folder / "dangling");
  write_file_atomically(folder / "dangling", "made");
  CHECK(fs::is_symlink(folder / "dangling"));
  CHECK(text_of(folder / "disk/later") == "made");
  CHECK(folder.files() == 4);
  fs::create_symlink("circle", folder / "circle");
  CHECK_THROWS_WITH(write_file_atomically(folder / "circle", ""), Catch::Contains("circle"));
}

TEST_CASE("devices, FIFOs, sockets and directories are never replaced") {
  const TemporaryFolder folder;
  const auto require_kept = [&](const fs::path& path, const char* kind) {
    INFO(kind);
    const auto before = fs::symlink_status(path).type();
    CHECK_THROWS_WITH(write_file_atomically(path, "data"),
                      Catch::Contains(path.string()) && Catch::Contains(kind));
    CHECK(fs::symlink_status(path).type() == before);
  };
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  require_kept(folder / "fifo", "is a FIFO");
  fs::create_symlink("fifo", folder / "link");
  require_kept(folder / "link", "is a FIFO");
  fs::create_directory(folder / "folder");
  require_kept(folder / "folder", "is a directory");
  require_kept("/dev/null", "is a device");
  ::sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string name = folder / "socket";
  REQUIRE(name.size() < sizeof(address.sun_path));
  name.copy(address.sun_path, name.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(socket, reinterpret_cast<const ::sockaddr*>(&address), sizeof(address)) == 0);
  require_kept(folder / "socket", "is a socket");
  ::close(socket);
  CHECK(folder.files() == 4);
}

TEST_CASE("an existing file keeps its mode and owner, a new one gets those of the umask") {
  const TemporaryFolder folder;
  const auto mode_of = [](const fs::path& path) {
    return static_cast<unsigned>(fs::status(path).permissions());
  };
  folder.write("f", "old");
  for (const unsigned mode : {0640u, 0600u, 0664u, 0444u}) {
    fs::permissions(folder / "f", fs::perms(mode));
    write_file_atomically(folder / "f", "new");
    CHECK(mode_of(folder / "f") == mode);
  }
  const ::mode_t before = ::umask(027);
  write_file_atomically(folder / "g", "new");
  ::umask(before);
  CHECK(mode_of(folder / "g") == 0640);
  if (::geteuid() != 0) return;  // only root can give a file away
  REQUIRE(::chown((folder / "f").c_str(), 12345, 54321) == 0);
  write_file_atomically(folder / "f", "root's");
  struct ::stat status {};
  REQUIRE(::stat((folder / "f").c_str(), &status) == 0);
  CHECK(status.st_uid == 12345);
  CHECK(status.st_gid == 54321);
}

TEST_CASE("a symbolic link with the temporary file's name is not followed") {
  const TemporaryFolder folder;
  folder.write("victim", "theirs");
  fs::create_symlink("victim", folder / ("f.part-" + std::to_string(::getpid())));
  write_file_atomically(folder / "f", "ours");
  CHECK(text_of(folder / "victim") == "theirs");
  CHECK(text_of(folder / "f") == "ours");
  CHECK(folder.files() == 2);
}

TEST_CASE("parts left by killed writers are found and removed, and nothing else") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "disk");
  for (const char* name : {"f.part-1", "f.part-4000000", "f.part-", "f.part-1x", "g.part-1", "f"})
    folder.write(std::string("disk/") + name, "x");
  fs::create_directory(folder / "disk/f.part-2");
  fs::create_symlink("disk/f", folder / "link");
  const std::vector<fs::path> parts{folder / "disk/f.part-1", folder / "disk/f.part-4000000"};
  CHECK(scoresde::io::stale_parts(folder / "disk/f") == parts);
  CHECK(scoresde::io::stale_parts(folder / "none/f").empty());
  CHECK(scoresde::io::remove_stale_parts(folder / "link") == parts);
  CHECK(scoresde::io::remove_stale_parts(folder / "disk/f").empty());
  CHECK(std::distance(fs::directory_iterator(folder / "disk"), {}) == 5);
}

TEST_CASE("require_writable_folder creates a folder and rejects one that is not writable") {
  const TemporaryFolder folder;
  require_writable_folder(folder / "a/b/c");
  REQUIRE(std::filesystem::is_directory(folder / "a/b/c"));
  REQUIRE(std::filesystem::is_empty(folder / "a/b/c"));
  folder.write("file", "x");
  std::filesystem::create_directory(folder / "a/writable");
  require_writable_folder(folder / "a");
  REQUIRE_THROWS_WITH(require_writable_folder(folder / "file"), Catch::Contains("folder"));
  REQUIRE_THROWS_WITH(require_writable_folder(folder / "file/below"), Catch::Contains("folder"));
  REQUIRE_THROWS_WITH(require_writable_folder("/proc/self/scoresde"), Catch::Contains("folder"));
}

TEST_CASE("require_writable_file rejects what cannot be written and changes nothing") {
  const TemporaryFolder folder;
  const auto file = folder.write("file", "x");
  require_writable_file(file);
  require_writable_file(folder / "new");
  fs::create_symlink(folder / "none/target", folder / "link");
  fs::create_symlink("/dev/null", folder / "device");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0666) == 0);
  REQUIRE_THROWS_WITH(require_writable_file(folder.path()), Catch::Contains("is a directory"));
  REQUIRE_THROWS_WITH(require_writable_file(folder / "device"), Catch::Contains("is a device"));
  REQUIRE_THROWS_WITH(require_writable_file(folder / "fifo"), Catch::Contains("is a FIFO"));
  REQUIRE_THROWS_WITH(require_writable_file(folder / "link"), Catch::Contains("cannot be created"));
  REQUIRE_THROWS_WITH(require_writable_file(folder / "no/file"), Catch::Contains("cannot be"));
  REQUIRE(text_of(file) == "x");
  REQUIRE(std::distance(fs::directory_iterator(folder.path()), {}) == 4);
}
