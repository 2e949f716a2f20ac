// SPDX-License-Identifier: MIT
/// ScratchState: memory of a model that learns the type of its states in its calls alone.
///
/// Samplers bring a Workspace because they know the state's type where they allocate; a model made
/// of a function does not. It keeps one state, made in the first call and remade when type or
/// extents change, so that later calls allocate nothing.
#pragma once

#include <memory>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// Holds no state or one of any type. Copies start empty: scratch is never shared.
class ScratchState {
 public:
  ScratchState() = default;
  ScratchState(const ScratchState&) {}
  ScratchState(ScratchState&&) noexcept = default;
  ScratchState& operator=(const ScratchState&) { return *this; }
  ScratchState& operator=(ScratchState&&) noexcept = default;
  ~ScratchState() = default;

  /// A state like x, with what was left in it. Valid until the next call of another type or shape.
  template <State X>
  [[nodiscard]] X& like(const X& x) {
    if (type_ != &type_of<X> || extents(*static_cast<X*>(held_.get())) != extents(x)) {
      held_ = Held(new X(backend(x).make_like(x)), [](void* p) { delete static_cast<X*>(p); });
      type_ = &type_of<X>;
    }
    return *static_cast<X*>(held_.get());
  }

 private:
  using Held = std::unique_ptr<void, void (*)(void*)>;
  template <class X>
  static inline char type_of = 0;  // its address names the type

  Held held_{nullptr, [](void*) {}};
  const void* type_ = nullptr;
};

}  // namespace scoresde
