// SPDX-License-Identifier: MIT
/// What the schedulers of diffusers 0.42.1 do; written by tests/golden/diffusers_to_data.py.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

// clang-format off
struct DiffusersCase {
  std::string name;
  int order;
  std::size_t steps;
  std::vector<double> x;
};

inline const std::vector<double> diffusers_start{-0x1.b333333333333p+0, -0x1.999999999999ap-2, 0x1.999999999999ap-4, 0x1.ccccccccccccdp-1, 0x1.2666666666666p+1};
inline const std::vector<DiffusersCase> diffusers_cases{
    {"unipc bh2 1", 1, 5,
     {-0x1.108734f97231bp+0, -0x1.88fb59926becap-2, -0x1.132c1cc52a4eep-5, 0x1.b9133367b99fap-1, 0x1.67a56619e2aebp+0}},
    {"unipc bh2 1", 1, 8,
     {-0x1.37aea73cd9110p+0, -0x1.dbf6bef7703dep-2, -0x1.254b1b5e196e5p-4, 0x1.108f0ce9b5626p+0, 0x1.7e014acedb0aep+0}},
    {"unipc bh2 1", 1, 20,
     {-0x1.5089e0629cd20p+0, -0x1.022916cbb5160p-1, -0x1.76d0340d7d1b9p-4, 0x1.22aaebec7eebap+0, 0x1.8a934543a885fp+0}},
    {"unipc bh2 2", 2, 5,
     {-0x1.689dab2d08ba3p+0, -0x1.0fcf99f7fddb2p-1, -0x1.d82b9d795d649p-5, 0x1.329f0c782aa80p+0, 0x1.a78ccbbcc7a66p+0}},
    {"unipc bh2 2", 2, 8,
     {-0x1.6141da3685467p+0, -0x1.13d143c45ec1fp-1, -0x1.8a59e4668dd7bp-4, 0x1.2ed02961e19e8p+0, 0x1.920b352187b64p+0}},
    {"unipc bh2 2", 2, 20,
     {-0x1.55b63f06d2457p+0, -0x1.063d3ed5fe9d1p-1, -0x1.85d5c3ff95fd0p-4, 0x1.25707a91420f7p+0, 0x1.8d320ffd00baap+0}},
    {"unipc bh2 3", 3, 5,
     {-0x1.9c8b111989f17p+0, -0x1.4941eba156709p-1, -0x1.1c4dd1b37e764p-4, 0x1.513f785319fb8p+0, 0x1.c9aeb1cdcce0dp+0}},
    {"unipc bh2 3", 3, 8,
     {-0x1.6273ea98b2dfep+0, -0x1.1788f786e6cd5p-1, -0x1.f22c219a13931p-4, 0x1.2f072c008bb9ep+0, 0x1.888a96a8ec567p+0}},
    {"unipc bh2 3", 3, 20,
     {-0x1.550afa338bb2fp+0, -0x1.057af90b3bb17p-1, -0x1.85aee69f99699p-4, 0x1.252152dc2538bp+0, 0x1.8d0414e96054fp+0}},
    {"dpm-solver++ 2m", 2, 5,
     {-0x1.5bca3de731a1dp+0, -0x1.03b429f944a1ep-1, -0x1.a7ae874cc2ffap-5, 0x1.266326445f9ecp+0, 0x1.a344ba942b518p+0}},
    {"dpm-solver++ 2m", 2, 8,
     {-0x1.5f46930d7ab1fp+0, -0x1.12556efbf46b0p-1, -0x1.78ebf98de4276p-4, 0x1.2f70b117cd2e6p+0, 0x1.955000ae67685p+0}},
    {"dpm-solver++ 2m", 2, 14,
     {-0x1.59132e34b8cfcp+0, -0x1.09c8d49cd1455p-1, -0x1.876eb1ae49cf3p-4, 0x1.284722b506cd8p+0, 0x1.8f59f4bd19b6cp+0}},
    {"dpm-solver++ 2m", 2, 15,
     {-0x1.588c4b6c1b769p+0, -0x1.093a877db4bf6p-1, -0x1.876c8baa496dcp-4, 0x1.27d161323f7b7p+0, 0x1.8f029db011339p+0}},
    {"dpm-solver++ 2m", 2, 20,
     {-0x1.56f9072a0ed51p+0, -0x1.0793d98d3fbecp-1, -0x1.86a5119f8089ap-4, 0x1.268dd16cd9b1cp+0, 0x1.8e05fa8dbd60cp+0}},
    {"dpm-solver++ 3m", 3, 5,
     {-0x1.8c4dfffe8c680p+0, -0x1.38bd4b7df3e0dp-1, -0x1.0210a06bb4e37p-4, 0x1.47e4d79422abap+0, 0x1.c7c458404df2ap+0}},
    {"dpm-solver++ 3m", 3, 8,
     {-0x1.6a59f1eadd053p+0, -0x1.20260a382668dp-1, -0x1.f02a3c43627f2p-4, 0x1.39118c26a5cfdp+0, 0x1.8ec70be0bb5eep+0}},
    {"dpm-solver++ 3m", 3, 14,
     {-0x1.5741813cda776p+0, -0x1.06be1f5605e61p-1, -0x1.7b697d81bbd8fp-4, 0x1.250d2d36a289bp+0, 0x1.8e03c88e7599ap+0}},
    {"dpm-solver++ 3m", 3, 15,
     {-0x1.565a7c7168627p+0, -0x1.06b9c7acbff2dp-1, -0x1.84147994cddd1p-4, 0x1.253b34df77768p+0, 0x1.8d6848f92f2e5p+0}},
    {"dpm-solver++ 3m", 3, 20,
     {-0x1.55a824b6368e5p+0, -0x1.06285c580cc18p-1, -0x1.86436c47c5d35p-4, 0x1.255ad503c2e8ep+0, 0x1.8d243cc5586f7p+0}},
    {"dpm-solver++ 2s", 2, 5,
     {-0x1.28213c78d5d9cp+0, -0x1.a23011b87ab51p-2, -0x1.bbb9266143890p-5, 0x1.f6884dc2156f2p-1, 0x1.7c32ac3ed61fep+0}},
    {"dpm-solver++ 2s", 2, 8,
     {-0x1.4a56d432a1070p+0, -0x1.e618460f450adp-2, -0x1.41b87f935fd42p-4, 0x1.1f6f34082dd30p+0, 0x1.885cf2f409d54p+0}},
    {"dpm-solver++ 3s", 3, 6,
     {-0x1.503fb7505af62p+0, -0x1.e32da7399a74bp-2, -0x1.705ce2098e61cp-5, 0x1.17f7a7484ec65p+0, 0x1.9420e65e62a88p+0}},
    {"dpm-solver++ 3s", 3, 7,
     {-0x1.527438ee865e0p+0, -0x1.e6677cd25168fp-2, -0x1.47e7382901cf8p-4, 0x1.1d4a269580e8bp+0, 0x1.9139368a39653p+0}},
    {"dpm-solver++ 3s", 3, 10,
     {-0x1.550cc45aa3e69p+0, -0x1.14e4c95a5b88ep-1, -0x1.5acccfa6abb62p-4, 0x1.2833e7da56d9ep+0, 0x1.8da7430134524p+0}},
    {"dpm-solver++ 3s", 3, 13,
     {-0x1.56a616729c63dp+0, -0x1.02666f99e188ep-1, -0x1.b13ef2f81884cp-4, 0x1.26541e3a964aap+0, 0x1.8d03db91341bcp+0}},
};
// clang-format on
