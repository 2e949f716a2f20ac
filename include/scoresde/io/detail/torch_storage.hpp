// SPDX-License-Identifier: MIT
/// torch's storage classes and dtypes, and the stored types they map to.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <scoresde/io/tensor_file.hpp>

namespace scoresde::io::detail {

/// torch's name of a class or dtype, the element type in safetensors' notation, and its size in
/// bytes. Elements of types that are not stored types can be copied but not converted.
struct TorchType {
  std::string_view name, dtype;
  std::size_t size = 0;
};

inline constexpr std::string_view untyped = "bytes";

inline constexpr std::array<TorchType, 14> storage_types{
    {{"torch.DoubleStorage", "F64", 8},
     {"torch.FloatStorage", "F32", 4},
     {"torch.HalfStorage", "F16", 2},
     {"torch.BFloat16Storage", "BF16", 2},
     {"torch.LongStorage", "I64", 8},
     {"torch.IntStorage", "I32", 4},
     {"torch.ShortStorage", "I16", 2},
     {"torch.CharStorage", "I8", 1},
     {"torch.ByteStorage", "U8", 1},
     {"torch.BoolStorage", "BOOL", 1},
     {"torch.ComplexFloatStorage", "C64", 8},
     {"torch.ComplexDoubleStorage", "C128", 16},
     {"torch.UntypedStorage", untyped, 1},
     {"torch.storage.UntypedStorage", untyped, 1}}};

/// Dtypes of tensors in an untyped storage (_rebuild_tensor_v3).
inline constexpr std::array<TorchType, 9> untyped_types{
    {{"torch.uint16", "U16", 2},
     {"torch.uint32", "U32", 4},
     {"torch.uint64", "U64", 8},
     {"torch.complex32", "C32", 4},
     {"torch.float8_e4m3fn", "F8_E4M3", 1},
     {"torch.float8_e5m2", "F8_E5M2", 1},
     {"torch.float8_e4m3fnuz", "F8_E4M3FNUZ", 1},
     {"torch.float8_e5m2fnuz", "F8_E5M2FNUZ", 1},
     {"torch.float8_e8m0fnu", "F8_E8M0", 1}}};

/// The type of this name in a table; size 0 where it does not exist.
template <std::size_t n>
[[nodiscard]] constexpr TorchType torch_type(const std::array<TorchType, n>& types,
                                             std::string_view name) {
  for (const TorchType& type : types)
    if (type.name == name) return type;
  return {};
}

}  // namespace scoresde::io::detail
