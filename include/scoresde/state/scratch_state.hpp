// SPDX-License-Identifier: MIT
/// ScratchState: scratch memory for a model whose state type is known only when it is called.
///
/// Samplers use a Workspace, because the type of the state is given where they allocate; a model
/// built from a function takes it from its arguments. It keeps one state, allocated in the first
/// call and reallocated when type or extents change, so that subsequent calls do not allocate.
#pragma once

#include <utility>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// Empty, or one state of any type. Copies start empty: scratch memory is never shared.
class ScratchState {
 public:
  ScratchState() = default;
  ScratchState(const ScratchState&) {}
  ScratchState(ScratchState&& other) noexcept { swap(other); }
  ScratchState& operator=(const ScratchState&) { return *this; }
  ScratchState& operator=(ScratchState&& other) noexcept {
    swap(other);
    return *this;
  }
  ~ScratchState() { drop(); }

  /// A state like x with unspecified contents. Valid until the next call with another type or
  /// shape.
  template <State X>
  [[nodiscard]] X& like(const X& x) {
    if (type_ != &type_of<X> || extents(*static_cast<X*>(held_)) != extents(x)) {
      drop();
      held_ = new X(backend(x).make_like(x));
      delete_ = &delete_one<X>;
      type_ = &type_of<X>;
    }
    return *static_cast<X*>(held_);
  }

 private:
  template <class X>
  static inline char type_of = 0;  // its address identifies the type
  // Not std::unique_ptr: <memory> accounts for a tenth of the compile time of the core.
  template <class X>
  static void delete_one(void* held) {
    delete static_cast<X*>(held);
  }

  void drop() {
    if (delete_ != nullptr) delete_(held_);
    held_ = nullptr;
    delete_ = nullptr;
    type_ = nullptr;
  }
  void swap(ScratchState& other) noexcept {
    std::swap(held_, other.held_);
    std::swap(delete_, other.delete_);
    std::swap(type_, other.type_);
  }

  void* held_ = nullptr;
  void (*delete_)(void*) = nullptr;
  const void* type_ = nullptr;
};

}  // namespace scoresde
