// SPDX-License-Identifier: MIT
/// Fiber: a function with its own stack that can pause and be resumed, on one OS thread.
#pragma once

#include <csetjmp>
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

/// Must not be moved while it runs: its context holds pointers into it.
class Fiber {
 public:
  Fiber() : stack_(new std::byte[stack_size]) { getcontext(&context_); }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Sets `body` to be run from its beginning; discards the stack of an abandoned run.
  void start(std::function<void()> body) {
    body_ = std::move(body);
    failure_ = nullptr;
    entered_ = entered_ && done_;  // a finished run waits for a body at the end of run()
    done_ = false;
    if (!entered_) make_context();
  }

  /// Runs the fiber until it pauses or ends. Rethrows exceptions of the body.
  void resume() {
    enter_or_go_on();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  /// Called by the body: returns to the caller of resume().
  void pause() { leave(); }

  [[nodiscard]] bool done() const { return done_; }

 private:
  static constexpr std::size_t stack_size = 256 * 1024;

  static void enter(unsigned low, unsigned high) {
    const auto address = std::uintptr_t{low} | (std::uintptr_t{high} << 32);
    reinterpret_cast<Fiber*>(address)->run();
  }

  void make_context() {
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack_size;
    context_.uc_link = nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
                static_cast<unsigned>(address), static_cast<unsigned>(address >> 32));
  }

  void run() {
    for (;;) {
      begin_on_stack();
      try {
        body_();
      } catch (...) {
        failure_ = std::current_exception();
      }
      done_ = true;
      leave();
    }
  }

#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
  // AddressSanitizer is notified of every switch; a finished fiber is recreated for the next run.
  void enter_or_go_on() {
    if (!entered_) {
      ASAN_UNPOISON_MEMORY_REGION(stack_.get(), stack_size);
      fake_stack_ = nullptr;
      entered_ = true;
    }
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, stack_.get(), stack_size);
    swapcontext(&caller_, &context_);
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
    if (done_) entered_ = false;
  }
  void begin_on_stack() {
    __sanitizer_finish_switch_fiber(nullptr, &caller_stack_, &caller_stack_size_);
  }
  void leave() {
    __sanitizer_start_switch_fiber(done_ ? nullptr : &fake_stack_, caller_stack_,
                                   caller_stack_size_);
    swapcontext(&context_, &caller_);
    __sanitizer_finish_switch_fiber(fake_stack_, &caller_stack_, &caller_stack_size_);
  }
#else
  // Contexts save the signal mask, two system calls per switch; jumps between stacks do not.
  void enter_or_go_on() {
    if (_setjmp(caller_jump_) != 0) return;
    if (entered_) _longjmp(own_jump_, 1);
    entered_ = true;
    setcontext(&context_);
  }
  void begin_on_stack() {}
  void leave() {
    if (_setjmp(own_jump_) == 0) _longjmp(caller_jump_, 1);
  }
#endif

  std::unique_ptr<std::byte[]> stack_;
  std::function<void()> body_;
  ucontext_t context_{};
  bool done_ = true, entered_ = false;
  std::exception_ptr failure_;
#if defined(SCORESDE_TEST_ADDRESS_SANITIZER)
  ucontext_t caller_{};
  void* fake_stack_ = nullptr;
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_size_ = 0;
#else
  std::jmp_buf caller_jump_, own_jump_;
#endif
};

}  // namespace scoresde::testing
