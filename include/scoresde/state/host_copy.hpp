// SPDX-License-Identifier: MIT
/// States in other memory than the host's, copied to it and from it as a whole.
#pragma once

#include <span>

#include <scoresde/state/backend.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde {

/// x.write(values) and x.read(values) copy all elements, in the order of HostState, as those of
/// cuda::DeviceState.
template <class X>
concept HostCopyableState = State<X> &&
    requires(X& x, const X& constant, std::span<const typename X::Scalar> from,
             std::span<typename X::Scalar> to) {
  x.write(from);
  constant.read(to);
};

/// The elements of x in host memory.
template <HostCopyableState X>
[[nodiscard]] HostState<typename X::Scalar> host_copy(const X& x) {
  HostState<typename X::Scalar> copy(extents(x));
  x.read({copy.data(), copy.size()});
  return copy;
}

}  // namespace scoresde
