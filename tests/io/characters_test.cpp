// SPDX-License-Identifier: MIT
/// Bytes as characters, and text of a file in a message.
#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/io/characters.hpp>

#include "support/catch.hpp"

using namespace scoresde::io;

TEST_CASE("characters views the bytes without a copy") {
  const std::vector<std::byte> bytes{std::byte{'n'}, std::byte{0}, std::byte{'y'}};
  CHECK(characters(bytes) == std::string("n\0y", 3));
  CHECK(static_cast<const void*>(characters(bytes).data()) == bytes.data());
}

TEST_CASE("printable replaces control characters and shortens long text") {
  CHECK(printable("a\x1b[31mb\n\x7f") == "a?[31mb??");
  CHECK(printable(std::string(100, 'x')) == std::string(100, 'x'));
  CHECK(printable(std::string(101, 'x')) == std::string(100, 'x') + "...");
}
