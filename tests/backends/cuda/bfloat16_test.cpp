// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "backends/eigen/finite_differences.hpp"
#include "kernels/vec128.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using cuda::Bfloat16;
using cuda::from_float;
using cuda::to_float;

TEST_CASE("every bfloat16 survives a round trip through float", "[emulated]") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Bfloat16 value{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(value);
    if (std::isnan(wide))
      CHECK(from_float<Bfloat16>(wide).bits == 0x7fff);
    else if (from_float<Bfloat16>(wide) != value)
      FAIL("bits " << bits << " are converted to " << from_float<Bfloat16>(wide).bits);
  }
}

TEST_CASE("bfloat16 rounds to nearest and ties to even", "[emulated]") {
  const auto rounded = [](float x) { return to_float(from_float<Bfloat16>(x)); };
  CHECK(rounded(1.0f + 0x1p-8f) == 1.0f);               // a tie: down to even
  CHECK(rounded(1.0f + 0x3p-8f) == 1.0f + 0x1p-6f);     // a tie: up to even
  CHECK(rounded(1.0f + 0x1.01p-8f) == 1.0f + 0x1p-7f);  // just above a tie
  CHECK(rounded(-1.0f - 0x0.ffp-8f) == -1.0f);          // just below a tie
  CHECK(rounded(0x1.fep127f) == 0x1.fep127f);           // the largest finite value
  CHECK(std::isinf(rounded(0x1.ffp127f)));              // overflow
  CHECK(rounded(0x1p-133f) == 0x1p-133f);               // the smallest positive value
  CHECK(std::signbit(rounded(-0x1p-140f)));             // underflow to −0
  CHECK(std::isinf(rounded(std::numeric_limits<float>::infinity())));
  for (const float x : test::random_values<float>(1000, 1))
    CHECK(std::abs(rounded(x) - x) <= std::abs(x) * 0x1p-8f);
}

TEMPLATE_TEST_CASE("partial vector loads match whole ones", "[emulated]", float, Bfloat16) {
  constexpr unsigned count = cuda::lanes<TestType>;
  alignas(16) TestType memory[count], copy[count];
  for (unsigned i = 0; i < count; ++i) memory[i] = from_float<TestType>(1.5f + float(i));
  const cuda::VecF32<TestType> whole = cuda::load(memory, cuda::FullVec{});
  for (unsigned part = 0; part <= count; ++part) {
    const cuda::VecF32<TestType> some = cuda::load(memory, cuda::PartialVec{part});
    for (unsigned i = 0; i < count; ++i) {
      CHECK(some[i] == (i < part ? whole[i] : 0.0f));
      copy[i] = from_float<TestType>(-1.0f);
    }
    cuda::store(copy, whole, cuda::PartialVec{part}, true);
    for (unsigned i = 0; i < count; ++i)
      CHECK(to_float(copy[i]) == (i < part ? whole[i] - 1.0f : -1.0f));
  }
  cuda::store(copy, whole, cuda::FullVec{});
  CHECK(std::memcmp(copy, memory, sizeof(memory)) == 0);
}
