// SPDX-License-Identifier: MIT
/// ClassChoice: the class that samples are conditioned on, and the weight of guidance.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/score/guidance.hpp>

namespace scoresde {

/// An empty name selects "all" for a class-conditional network.
struct ClassChoice {
  std::string name;
  double guidance = 0;           ///< weight of classifier-free guidance
  std::vector<double> interval;  ///< first and last noise level with guidance; empty: all

  /// Network evaluations per evaluation of the score.
  [[nodiscard]] std::size_t evaluations() const { return guidance != 0 ? 2 : 1; }
};

/// Resolves the defaults for the network of a checkpoint. Throws UsageError for a class or guidance
/// of an unconditional network, for guidance without a class, for an interval without two ends, and
/// for "none" or guidance if the network was trained without label dropout.
inline void resolve_defaults(ClassChoice& c, const Metadata& checkpoint, std::size_t classes) {
  require_usage(classes > 0 || (c.name.empty() && c.guidance == 0),
                c.name.empty() ? "--guidance" : "--class",
                ": the checkpoint's network is not conditioned on classes");
  require_usage(c.interval.empty() || c.guidance != 0,
                "--guidance-interval is for --guidance, which was not given");
  require_usage(c.interval.empty() || c.interval.size() == 2, "--guidance-interval has ",
                c.interval.size(), c.interval.size() == 1 ? " value" : " values",
                "; it must have 2");
  for (std::size_t i = 1; i < c.interval.size(); ++i)
    require_usage(c.interval[i - 1] <= c.interval[i], "--guidance-interval goes from ",
                  c.interval[i - 1], " to ", c.interval[i],
                  "; the lower noise level must come first");
  if (c.name.empty()) c.name = classes > 0 ? "all" : "none";
  require_usage(c.guidance == 0 || c.name != "none", "--guidance requires a --class");
  const auto dropout = checkpoint.find("training.label_dropout");
  const bool knows_none = dropout == checkpoint.end() || dropout->second != "0";
  require_usage(
      knows_none || classes == 0 || (c.guidance == 0 && c.name != "none"),
      c.guidance != 0 ? "--guidance" : "--class none",
      ": the checkpoint's network was trained without label dropout and has not learned the "
      "score without a class");
}

/// The times with guidance.
template <class S>
[[nodiscard]] TimeInterval guidance_interval(const S& sde, const ClassChoice& c) {
  return c.interval.empty() ? TimeInterval{} : noise_interval(sde, c.interval[0], c.interval[1]);
}

/// A description of the choice, empty for an unconditional network.
inline std::string describe(const ClassChoice& c, std::size_t classes) {
  if (classes == 0) return "";
  std::string words = c.name == "all" ? "a class for each row" : "class " + c.name;
  if (c.guidance != 0) words += text(", guidance ", c.guidance);
  if (!c.interval.empty())
    words += text(" where sigma is from ", c.interval[0], " to ", c.interval[1]);
  return words;
}

}  // namespace scoresde
