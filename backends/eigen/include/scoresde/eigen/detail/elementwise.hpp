// SPDX-License-Identifier: MIT
/// Elementwise functions and sums over whole SIMD packets.
///
/// Every element, including those of an incomplete last packet, is computed by the same packet
/// instructions, and the order of a sum depends on its length only. Therefore results do not depend
/// on memory alignment or on the position of a sample in its batch.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// A packet with arithmetic. Scalars are broadcast.
template <class T>
struct Vec {
  Packet<T> value;

  Vec(T scalar) : value(packets::pset1<Packet<T>>(scalar)) {}  // NOLINT: broadcast
  static Vec of(const Packet<T>& packet) {
    Vec vec(T(0));
    vec.value = packet;
    return vec;
  }
  static Vec load(const T* from) { return of(packets::ploadu<Packet<T>>(from)); }
  void store(T* to) const { packets::pstoreu(to, value); }
  [[nodiscard]] T sum() const { return packets::predux(value); }
  [[nodiscard]] T largest() const { return packets::predux_max(value); }

  friend Vec operator+(Vec a, Vec b) { return of(packets::padd(a.value, b.value)); }
  friend Vec operator-(Vec a, Vec b) { return of(packets::psub(a.value, b.value)); }
  friend Vec operator*(Vec a, Vec b) { return of(packets::pmul(a.value, b.value)); }
  friend Vec operator/(Vec a, Vec b) { return of(packets::pdiv(a.value, b.value)); }
  friend Vec operator-(Vec a) { return of(packets::pnegate(a.value)); }
  friend Vec exp(Vec a) { return of(packets::pexp(a.value)); }
  friend Vec min(Vec a, Vec b) { return of(packets::pmin(a.value, b.value)); }
  friend Vec max(Vec a, Vec b) { return of(packets::pmax(a.value, b.value)); }
};

/// The last `count` < lanes<T> values, followed by zeros.
template <class T>
Vec<T> load_some(const T* from, std::size_t count) {
  alignas(64) T some[lanes<T>] = {};
  std::copy_n(from, count, some);
  return Vec<T>::load(some);
}

template <class T>
void store_some(Vec<T> value, T* to, std::size_t count) {
  alignas(64) T some[lanes<T>];
  value.store(some);
  std::copy_n(some, count, to);
}

/// out[i] ← f(in[i]…), or added to out[i]. `out` may be one of the inputs.
template <class T, class F, class... In>
void transform(std::size_t count, nn::Gradient<T> out, const F& f, const In*... in) {
  constexpr std::size_t width = lanes<T>;
  std::size_t i = 0;
  if (out.accumulate)
    for (; i + width <= count; i += width)
      (Vec<T>::load(out.data + i) + f(Vec<T>::load(in + i)...)).store(out.data + i);
  else
    for (; i + width <= count; i += width) f(Vec<T>::load(in + i)...).store(out.data + i);
  if (const std::size_t rest = count - i; rest != 0) {
    Vec<T> value = f(load_some(in + i, rest)...);
    if (out.accumulate) value = value + load_some(out.data + i, rest);
    store_some(value, out.data + i, rest);
  }
}

/// Σ f(in[i]…).
template <class T, class F, class... In>
T sum(std::size_t count, const F& f, const In*... in) {
  constexpr std::size_t width = lanes<T>;
  Vec<T> s0(0), s1(0), s2(0), s3(0);
  std::size_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    s0 = s0 + f(Vec<T>::load(in + i)...);
    s1 = s1 + f(Vec<T>::load(in + i + width)...);
    s2 = s2 + f(Vec<T>::load(in + i + 2 * width)...);
    s3 = s3 + f(Vec<T>::load(in + i + 3 * width)...);
  }
  for (; i + width <= count; i += width) s0 = s0 + f(Vec<T>::load(in + i)...);
  if (const std::size_t rest = count - i; rest != 0) {
    alignas(64) T some[lanes<T>] = {};
    store_some(f(load_some(in + i, rest)...), some, rest);
    s1 = s1 + Vec<T>::load(some);
  }
  return ((s0 + s1) + (s2 + s3)).sum();
}

template <class T>
T sum(std::size_t count, const T* in) {
  return sum<T>(
      count, [](Vec<T> v) { return v; }, in);
}

/// Calls f(begin, count) on parts of an elementwise operation, divided among threads at multiples
/// of a cache line.
template <class F>
void for_each_piece(std::size_t threads, std::size_t count, const F& f) {
  constexpr std::size_t piece = 1024;
  for_each_range(threads, (count + piece - 1) / piece, 16, [&](std::size_t begin, std::size_t end) {
    f(begin * piece, std::min(count, end * piece) - begin * piece);
  });
}

/// transform() with threads.
template <class T, class F, class... In>
void transform_all(std::size_t threads, std::size_t count, nn::Gradient<T> out, const F& f,
                   const In*... in) {
  if (out.data == nullptr) return;
  for_each_piece(threads, count, [&](std::size_t begin, std::size_t part) {
    transform<T>(part, {out.data + begin, out.accumulate}, f, (in + begin)...);
  });
}

}  // namespace scoresde::eigen::detail
