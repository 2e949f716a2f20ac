// SPDX-License-Identifier: MIT
/// The differences between a file and a network, collected for one message.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/nn/graph/parameters.hpp>

namespace scoresde::detail {

/// Lines about settings and tensors. The message begins with settings and shapes, which distinguish
/// networks, and is limited to `most` lines plus the number of omitted ones: a wrong preset gives
/// thousands of missing tensors and one line that explains them.
class Differences {
 public:
  static constexpr std::size_t most = 24;

  template <class... Parts>
  void add(const Parts&... parts) {
    lines_.push_back(text(parts...));
  }
  /// A line that precedes all lines of `add`.
  template <class... Parts>
  void add_first(const Parts&... parts) {
    first_.push_back(text(parts...));
  }
  [[nodiscard]] bool empty() const { return first_.empty() && lines_.empty(); }
  /// Throws Error with the lines if there are any.
  void reject(const std::string& what) const {
    std::string message;
    std::size_t shown = 0;
    for (const auto* lines : {&first_, &lines_})
      for (const std::string& line : *lines)
        if (shown++ < most) message += "\n  " + line;
    if (shown > most) message += text("\n  and ", shown - most, " more");
    require(empty(), what, message);
  }

 private:
  std::vector<std::string> first_, lines_;
};

[[nodiscard]] inline bool floating_type(std::string_view dtype) {
  return dtype == "F64" || dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

/// Copies a tensor that matches `p` to its position in the flat buffer, or adds the difference
/// under the tensor's name in the file; `exact` requires T's own type.
template <std::floating_point T>
void read_parameter(const std::string& name, const io::TensorFile::Tensor& tensor,
                    const nn::Parameter& p, bool exact, std::span<T> flat,
                    Differences& differences) {
  const bool type_fits =
      exact ? tensor.dtype == io::stored_type_of<T>() : floating_type(tensor.dtype);
  if (!type_fits)
    differences.add("tensor ", name, " is of type ", tensor.dtype, "; it must be ",
                    exact ? io::stored_type_of<T>() : "F64, F32, F16 or BF16");
  if (tensor.shape != p.shape)
    differences.add_first("tensor ", name, " has shape ", io::shape_text(tensor.shape),
                          "; the network has ", io::shape_text(p.shape));
  if (!type_fits || tensor.shape != p.shape) return;
  const std::vector<T> values = tensor.template as<T>();
  if (!std::all_of(values.begin(), values.end(), [](T v) { return std::isfinite(v); }))
    differences.add("tensor ", name, " holds a value that is not finite");
  std::copy(values.begin(), values.end(), flat.begin() + std::ptrdiff_t(p.offset));
}

}  // namespace scoresde::detail
