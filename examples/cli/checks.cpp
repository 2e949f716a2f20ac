// SPDX-License-Identifier: MIT
#include "cli/checks.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <scoresde/nearest_name.hpp>

namespace programs {

Check natural_number(std::uint64_t least, std::uint64_t most) {
  const std::string allowed =
      "it must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  return [least, most, allowed](const std::string& text) {
    std::uint64_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, code] = std::from_chars(text.data(), last, value);
    const bool fits = code == std::errc{} && end == last && value >= least && value <= most;
    return fits ? std::string() : "'" + text + "': " + allowed;
  };
}

Check path() {
  return [](const std::string& text) {
    return text.empty() ? std::string("'': it must be a path") : std::string();
  };
}

Check number(std::function<bool(double)> fits, const char* allowed) {
  return [fits = std::move(fits), allowed](const std::string& text) {
    char* end = nullptr;
    const auto value = static_cast<double>(std::strtold(text.c_str(), &end));
    const bool whole = !text.empty() && end == text.c_str() + text.size();
    return whole && fits(value) ? std::string() : "'" + text + "': it must be " + allowed;
  };
}

Check positive_number() {
  return number([](double x) { return x > 0 && x < 1e300; }, "a number above 0 and below 1e+300");
}
Check number_from_zero() {
  return number([](double x) { return x >= 0 && x < 1e300; }, "a number from 0 to 1e+300");
}
Check share_from_zero() {
  return number([](double x) { return x >= 0 && x <= 1; }, "a number from 0 to 1");
}
Check share() {
  return number([](double x) { return x > 0 && x <= 1; }, "above 0 and at most 1");
}

Check one_of(std::vector<std::string> names, std::vector<std::string> more, std::string others) {
  const bool has_others = !more.empty() && !others.empty();
  more.insert(more.begin(), names.begin(), names.end());
  return [names = std::move(names), all = std::move(more),
          end = has_others ? ", or " + others : std::string()](const std::string& text) {
    const bool known = std::find(all.begin(), all.end(), text) != all.end();
    return known ? std::string() : scoresde::unknown_name(text, names, all) + end;
  };
}

}  // namespace programs
