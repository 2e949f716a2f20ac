// SPDX-License-Identifier: MIT
/// What --class and --guidance say: the class that each sample is to show, and how much so.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/score/guidance.hpp>

namespace cifar10 {

/// An empty name stands for "all" where the network is conditioned on classes.
struct ClassChoice {
  std::string name;
  double guidance = 0;           ///< weight of classifier-free guidance
  std::vector<double> interval;  ///< noise levels from and to which it guides; empty: all

  /// Evaluations of the network in one of the score.
  [[nodiscard]] std::size_t evaluations() const { return guidance != 0 ? 2 : 1; }
};

namespace detail {

/// The number of a class, by number or by CIFAR-10's name. Throws Error when there is none.
inline std::uint32_t class_number(const std::string& name, std::size_t classes) {
  const auto& names = scoresde::data::cifar10_classes;
  std::string known;
  for (std::uint32_t c = 0; c < names.size() && classes == names.size(); ++c) {
    if (name == names[c]) return c;
    known += std::string(", ") + names[c];
  }
  std::uint32_t number = 0;
  const char* last = name.data() + name.size();
  const auto [end, code] = std::from_chars(name.data(), last, number);
  scoresde::require(code == std::errc{} && end == last && number < classes, "--class is '", name,
                    "'; it must be all, none, a number from 0 to ", classes - 1, known);
  return number;
}

}  // namespace detail

/// The class of every sample by its number: one for all, or one for each row of the grid.
class SampleClasses {
 public:
  /// Of a settled choice, for a network that is told `classes` classes.
  SampleClasses(const ClassChoice& choice, std::size_t classes, std::size_t columns)
      : classes_(classes), columns_(columns), by_rows_(choice.name == "all") {
    if (!by_rows_ && choice.name != "none" && classes > 0)
      one_ = detail::class_number(choice.name, classes);
  }

  [[nodiscard]] std::uint32_t operator()(std::size_t image) const {
    return by_rows_ ? static_cast<std::uint32_t>(image / columns_ % classes_) : one_;
  }

 private:
  std::size_t classes_, columns_;
  bool by_rows_;
  std::uint32_t one_ = scoresde::nn::no_class;
};

/// Fills in what was left open, for the network and the training of a checkpoint. Throws Error for
/// classes that the network is not told, a score that it has not learned, and guidance to nothing.
inline void resolve_defaults(ClassChoice& c, const scoresde::Metadata& checkpoint,
                             std::size_t classes) {
  using scoresde::require;
  require(classes > 0 || (c.name.empty() && c.guidance == 0),
          c.name.empty() ? "--guidance" : "--class",
          ": the checkpoint's network is told no classes");
  require(c.interval.empty() || c.guidance != 0,
          "--guidance-interval is for --guidance, which was not given");
  for (std::size_t i = 1; i < c.interval.size(); ++i)
    require(c.interval[i - 1] <= c.interval[i], "--guidance-interval goes from ", c.interval[i - 1],
            " to ", c.interval[i], "; the lower noise level comes first");
  if (c.name.empty()) c.name = classes > 0 ? "all" : "none";
  require(c.guidance == 0 || c.name != "none", "--guidance needs a --class to guide to");
  const auto dropout = checkpoint.find("training.label_dropout");
  const bool knows_none = dropout == checkpoint.end() || dropout->second != "0";
  require(knows_none || classes == 0 || (c.guidance == 0 && c.name != "none"),
          c.guidance != 0 ? "--guidance" : "--class none",
          ": the checkpoint's network was trained without label dropout and has not learned the "
          "score without a class");
}

/// The times at which it guides.
template <class S>
[[nodiscard]] scoresde::TimeInterval guidance_interval(const S& sde, const ClassChoice& c) {
  return c.interval.empty() ? scoresde::TimeInterval{}
                            : scoresde::noise_interval(sde, c.interval[0], c.interval[1]);
}

/// The choice in words, empty where the network is told no classes.
inline std::string describe(const ClassChoice& c, std::size_t classes) {
  using scoresde::text;
  if (classes == 0) return "";
  std::string words = c.name == "all" ? "a class for each row" : "class " + c.name;
  if (c.guidance != 0) words += text(", guidance ", c.guidance);
  if (!c.interval.empty())
    words += text(" where sigma is from ", c.interval[0], " to ", c.interval[1]);
  return words;
}

}  // namespace cifar10
