// SPDX-License-Identifier: MIT
/// torch's storage classes and the stored types of their elements.
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace scoresde::io::detail {

inline constexpr std::array<std::pair<std::string_view, std::string_view>, 10> storage_types{
    {{"torch.DoubleStorage", "F64"},
     {"torch.FloatStorage", "F32"},
     {"torch.HalfStorage", "F16"},
     {"torch.BFloat16Storage", "BF16"},
     {"torch.LongStorage", "I64"},
     {"torch.IntStorage", "I32"},
     {"torch.ShortStorage", "I16"},
     {"torch.CharStorage", "I8"},
     {"torch.ByteStorage", "U8"},
     {"torch.BoolStorage", "BOOL"}}};

}  // namespace scoresde::io::detail
