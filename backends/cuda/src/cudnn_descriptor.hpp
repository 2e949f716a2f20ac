// SPDX-License-Identifier: MIT
/// Descriptor: an object of cuDNN's backend API with attributes typed by their C++ type.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "cudnn_library.hpp"

namespace scoresde::cuda {

/// cuDNN's attribute type of a C++ type. Undefined for void*, which is both a pointer and a
/// descriptor.
template <class T>
inline constexpr auto attribute_type = static_cast<cudnnBackendAttributeType_t>(-1);
template <>
inline constexpr auto attribute_type<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto attribute_type<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto attribute_type<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto attribute_type<std::int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr auto attribute_type<double> = CUDNN_TYPE_DOUBLE;
template <>
inline constexpr auto attribute_type<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto attribute_type<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto attribute_type<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto attribute_type<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto attribute_type<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr auto attribute_type<cudnnBackendBehaviorNote_t> = CUDNN_TYPE_BEHAVIOR_NOTE;

/// Create, set, finalize; then it can be read and referenced. Failures are thrown as Error.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t made = nullptr;
    check_cudnn(cudnn().create_descriptor(type, &made), "creating descriptor ",
                static_cast<int>(type));
    descriptor_.reset(made);
  }

  [[nodiscard]] cudnnBackendDescriptor_t get() const { return descriptor_.get(); }

  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    const cudnnBackendDescriptor_t raw = value.get();
    return set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set_array(name, &value, 1);
  }
  template <class T>
  Descriptor& set_array(cudnnBackendAttributeName_t name, const T* values, std::size_t count) {
    static_assert(static_cast<int>(attribute_type<T>) >= 0, "cuDNN has no attributes of this type");
    return set_raw(name, attribute_type<T>, count, values);
  }
  Descriptor& set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                      std::size_t count, const void* values) {
    check_cudnn(cudnn().set_attribute(get(), name, type, static_cast<std::int64_t>(count), values),
                "setting attribute ", static_cast<int>(name));
    return *this;
  }

  Descriptor& finalize(const char* what) {
    check_cudnn(cudnn().finalize(get()), "finalizing ", what);
    return *this;
  }

  template <class T>
  [[nodiscard]] T value(cudnnBackendAttributeName_t name) const {
    T result{};
    std::int64_t count = 0;
    read(name, attribute_type<T>, 1, count, &result);
    return result;
  }
  /// All elements of an attribute.
  template <class T>
  [[nodiscard]] std::vector<T> values(cudnnBackendAttributeName_t name) const {
    std::int64_t count = 0;
    read(name, attribute_type<T>, 0, count, nullptr);
    std::vector<T> result(static_cast<std::size_t>(count));
    if (count > 0) read(name, attribute_type<T>, count, count, result.data());
    result.resize(static_cast<std::size_t>(count));
    return result;
  }
  /// The descriptors in an attribute, each copied to a new one of type `type`.
  [[nodiscard]] std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type) const {
    std::int64_t count = 0;
    read(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, count, nullptr);
    std::vector<Descriptor> result;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (std::int64_t i = 0; i < count; ++i) raw.push_back(result.emplace_back(type).get());
    if (count > 0) read(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, count, raw.data());
    result.erase(result.begin() + count, result.end());
    return result;
  }

 private:
  struct Destroy {
    void operator()(void* descriptor) const { cudnn().destroy_descriptor(descriptor); }
  };

  void read(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
            std::int64_t requested, std::int64_t& count, void* values) const {
    check_cudnn(cudnn().get_attribute(get(), name, type, requested, &count, values),
                "reading attribute ", static_cast<int>(name));
  }

  std::unique_ptr<void, Destroy> descriptor_;
};

}  // namespace scoresde::cuda
