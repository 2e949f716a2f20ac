// SPDX-License-Identifier: MIT
/// The device of plans: that of a context, or a described one.
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <cuda_runtime_api.h>

#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/error.hpp>

#include "check.hpp"
#include "cudnn_plan.hpp"

namespace scoresde::cuda {
namespace {

using scoresde::require;
using scoresde::text;

[[nodiscard]] std::string device_name(std::string_view model, std::int64_t architecture,
                                      std::int64_t multiprocessors) {
  return text(model, ", architecture ", architecture, ", ", multiprocessors, " multiprocessors");
}

/// The value of "field": in cuDNN's JSON.
[[nodiscard]] std::string field(std::string_view json, std::string_view name) {
  const std::string quoted = text("\"", name, "\":");
  const std::size_t at = json.find(quoted);
  require(at != json.npos, "device description: the JSON has no field ", name);
  json.remove_prefix(at + quoted.size());
  while (!json.empty() && json.front() == ' ') json.remove_prefix(1);
  if (json.starts_with('"')) return std::string(json.substr(1, json.find('"', 1) - 1));
  return std::string(json.substr(0, json.find_first_not_of("0123456789")));
}

[[nodiscard]] std::int64_t number(std::string_view json, std::string_view name) {
  const std::string digits = field(json, name);
  std::int64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  require(!digits.empty() && read.ptr == digits.data() + digits.size(),
          "device description: ", name, " is not a number");
  return value;
}

}  // namespace

PlanDevice::PlanDevice(const Context& context) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, context.device()), "querying device properties");
  const auto release = [](PlanTarget* target) {
    if (target->handle != nullptr) cudnn().destroy(target->handle);
    delete target;
  };
  const std::shared_ptr<PlanTarget> target(new PlanTarget, release);
  target->name = device_name(properties.name, properties.major * 100 + properties.minor * 10,
                             properties.multiProcessorCount);
  target->context = context;
  context.activate();
  check_cudnn(cudnn().create(&target->handle), "initializing ", target->name);
  check_cudnn(cudnn().set_stream(target->handle, context.stream()), "setting the stream");
  target_ = target;
}

PlanDevice PlanDevice::described(std::string_view json) {
  const auto target = std::make_shared<PlanTarget>();
  const std::string model = field(json, "deviceName");
  const std::int64_t architecture = number(json, "deviceVer");
  target->name = device_name(model, architecture, number(json, "multiProcessorCount"));
  target->properties.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
      .set_array(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json.data(), json.size())
      .finalize("a described device");
  PlanDevice device;
  device.target_ = target;
  return device;
}

const std::string& PlanDevice::name() const { return target_->name; }

}  // namespace scoresde::cuda
