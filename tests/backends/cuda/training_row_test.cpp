// SPDX-License-Identifier: MIT
#include "kernels/training_row.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;

TEST_CASE("the step counter selects the row of a training step, with exact classes", "[emulated]") {
  constexpr std::uint32_t rows = 3, fields = 2, samples = 130, length = (fields + 1) * samples;
  std::vector<double> table(std::size_t{rows} * length);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = 0.25 + double(i);
  const auto class_of = [](std::uint32_t row, std::uint32_t k) {
    return k % 2 == 0 ? 0xffffffffu : 7 * row + k;  // no_class is the largest number
  };
  for (std::uint32_t row = 0; row < rows; ++row)
    for (std::uint32_t k = 0; k < samples; ++k)
      table[row * length + fields * samples + k] = class_of(row, k);
  for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{1} << 40})
    for (const auto& schedule : testing::every_schedule) {
      const auto row = static_cast<std::uint32_t>(step % rows);
      std::vector<double> numbers(fields * samples);
      std::vector<std::uint32_t> classes(samples);
      testing::emulate(cuda::TrainingRow{{.values = table.data(),
                                          .step = &step,
                                          .rows = rows,
                                          .fields = fields,
                                          .samples = samples,
                                          .numbers = numbers.data(),
                                          .classes = classes.data()}},
                       schedule);
      for (std::size_t i = 0; i < numbers.size(); ++i)
        REQUIRE(numbers[i] == table[row * length + i]);
      for (std::uint32_t k = 0; k < samples; ++k) REQUIRE(classes[k] == class_of(row, k));
    }
}
