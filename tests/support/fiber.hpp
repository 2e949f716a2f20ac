// SPDX-License-Identifier: MIT
/// Fiber: a function with a stack of its own that can pause and be resumed, on one OS thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define SCORESDE_TEST_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SCORESDE_TEST_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace scoresde::testing {

/// Never moved while it runs: its context points into itself.
class Fiber {
 public:
  Fiber() : stack_(new std::byte[stack_size]) { getcontext(&context_); }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Will run `body` from its beginning; what an abandoned run left on the stack is forgotten.
  void start(std::function<void()> body) {
    body_ = std::move(body);
    done_ = false;
    failure_ = nullptr;
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
    ASAN_UNPOISON_MEMORY_REGION(stack_.get(), stack_size);
    fake_stack_ = nullptr;
#endif
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack_size;
    context_.uc_link = nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
                static_cast<unsigned>(address), static_cast<unsigned>(address >> 32));
  }

  /// Runs it until it pauses or ends. Throws what the body threw.
  void resume() {
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, stack_.get(), stack_size);
    swapcontext(&caller_, &context_);
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#else
    swapcontext(&caller_, &context_);
#endif
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  /// Called from inside: goes back to the caller of resume().
  void pause() { leave(false); }

  [[nodiscard]] bool done() const { return done_; }

 private:
  static constexpr std::size_t stack_size = 256 * 1024;

  static void enter(unsigned low, unsigned high) {
    const auto address = std::uintptr_t{low} | (std::uintptr_t{high} << 32);
    reinterpret_cast<Fiber*>(address)->run();
  }

  void run() {
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(nullptr, &caller_stack_, &caller_stack_size_);
#endif
    try {
      body_();
    } catch (...) {
      failure_ = std::current_exception();
    }
    done_ = true;
    leave(true);
  }

  void leave([[maybe_unused]] bool for_good) {
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, caller_stack_,
                                   caller_stack_size_);
    swapcontext(&context_, &caller_);
    __sanitizer_finish_switch_fiber(fake_stack_, &caller_stack_, &caller_stack_size_);
#else
    swapcontext(&context_, &caller_);
#endif
  }

  std::unique_ptr<std::byte[]> stack_;
  std::function<void()> body_;
  ucontext_t context_{}, caller_{};
  bool done_ = true;
  std::exception_ptr failure_;
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
  void* fake_stack_ = nullptr;
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_size_ = 0;
#endif
};

}  // namespace scoresde::testing
