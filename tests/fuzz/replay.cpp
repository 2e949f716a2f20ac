// SPDX-License-Identifier: MIT
/// Runs a fuzz target on every file of its corpus, with any compiler: <program> <folder>.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>

#include <scoresde/io/atomic_file.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** words) {
  std::size_t files = 0;
  try {
    for (int i = 1; i < count; ++i)
      for (const auto& entry : std::filesystem::directory_iterator(words[i])) {
        const auto bytes = scoresde::io::read_file(entry.path());
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++files;
      }
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  std::printf("%zu files\n", files);
  return files > 0 ? 0 : 1;
}
