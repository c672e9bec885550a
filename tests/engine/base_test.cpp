// Threads, sine and cosine, rotary tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "src/base/parallel.h"
#include "src/base/trig.h"
#include "src/runtime/rope_table.h"

namespace quern::test {
namespace {

using namespace quern::detail;

TEST(Parallel, EveryTileRunsOnceAndStepsAreInOrder) {
  for (const int threads : {1, 2, 3, 8}) {
    constexpr std::size_t n_steps = 200, n_tiles = 13;
    std::vector<std::atomic<int>> runs(n_steps * n_tiles);
    std::atomic<int> out_of_order{0};
    run_in_parallel(threads, [&](Worker& worker) noexcept {
      for (std::size_t step = 0; step < n_steps; ++step) {
        worker.tiles(n_tiles, [&](std::size_t tile) {
          if (step > 0 && runs[(step - 1) * n_tiles + (tile + 5) % n_tiles] != 1) ++out_of_order;
          ++runs[step * n_tiles + tile];
        });
      }
    });
    EXPECT_EQ(out_of_order, 0);
    for (const auto& n : runs) ASSERT_EQ(n, 1);
  }
}

TEST(Parallel, WhatOneThreadWroteAloneAllSeeInTheNextStep) {
  int shared = 0;
  std::atomic<int> wrong{0};
  run_in_parallel(3, [&](Worker& worker) noexcept {
    for (int step = 1; step <= 100; ++step) {
      worker.alone([&] { shared = step; });
      worker.tiles(3, [&](std::size_t) {
        if (shared != step) ++wrong;
      });
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Parallel, StepsDoNotWaitForAThreadThatTheSystemHoldsBack) {
  constexpr int n_steps = 50, n_tiles = 4;
  std::atomic<bool> all_done{false};
  std::atomic<int> runs{0};
  run_in_parallel(2, [&](Worker& worker) noexcept {
    if (worker.index() == 1) all_done.wait(false);
    for (int step = 0; step < n_steps; ++step) {
      worker.tiles(n_tiles, [&](std::size_t) { ++runs; });
      worker.tiles(0, [&](std::size_t) { ++runs; });  // an empty step counts as one for everybody
    }
    all_done = true;
    all_done.notify_all();
  });
  EXPECT_EQ(runs, n_steps * n_tiles);
}

// The thread that has the step's first tile does not come back from it before the step is over.
TEST(Parallel, ATileOfAThreadThatIsHeldBackIsDoneByAnother) {
  constexpr std::size_t n_tiles = 5;
  for (const int threads : {2, 3}) {
    std::atomic<bool> is_over{false};
    std::atomic<int> held{-1};
    std::array<std::atomic<int>, n_tiles> kept{};
    std::array<int, n_tiles> results{};
    int input = 7;
    run_in_parallel(threads, [&](Worker& worker) noexcept {
      if (worker.size() == 1) is_over = true;  // the system gave no second thread
      int own_input = 0, own_result = 0;
      worker.tiles_done_again(
          n_tiles, [&] { own_input = input; },
          [&](std::size_t tile) {
            int nobody = -1;
            if (held.compare_exchange_strong(nobody, worker.index())) is_over.wait(false);
            own_result = own_input * static_cast<int>(tile);
          },
          [&](std::size_t tile) {
            results[tile] = own_result;
            ++kept[tile];
          });
      if (worker.index() != held) {
        is_over = true;
        is_over.notify_all();
      }
      worker.alone([&] { input = 0; });  // the thread that was held back may not read it any more
    });
    for (std::size_t tile = 0; tile < n_tiles; ++tile) {
      EXPECT_EQ(kept[tile], 1) << tile;
      EXPECT_EQ(results[tile], 7 * static_cast<int>(tile));
    }
  }
}

TEST(Parallel, TilesThatCanBeDoneAgainAreKeptOnce) {
  constexpr std::size_t n_steps = 60, n_tiles = 9;
  for (const int threads : {1, 2, 3, 70}) {
    std::vector<int> from(n_tiles, 1), to(n_tiles);
    run_in_parallel(threads, [&](Worker& worker) noexcept {
      std::array<int, n_tiles> own{};
      int result = 0;
      for (std::size_t step = 0; step < n_steps; ++step) {
        worker.tiles_done_again(
            n_tiles, [&] { std::ranges::copy(from, own.begin()); },
            [&](std::size_t tile) { result = (own[tile] + own[(tile + 1) % n_tiles] + 1) % 1000; },
            [&](std::size_t tile) { to[tile] += result; });
        worker.alone([&] {
          from = to;
          to.assign(n_tiles, 0);
        });
      }
    });
    // All values are alike in each step.
    int expected = 1;
    for (std::size_t step = 0; step < n_steps; ++step) expected = (2 * expected + 1) % 1000;
    EXPECT_EQ(from, std::vector<int>(n_tiles, expected)) << threads;
  }
}

TEST(Parallel, SomeThreadsCanBeUsed) {
  EXPECT_GE(usable_threads(), 1);
  EXPECT_LE(usable_threads(), 4096);
}

TEST(SinCos, IsWithinARoundingErrorUpToManyTurns) {
  std::mt19937_64 random(1);
  for (const double range : {1.0, 10.0, 1e3, 1e6, 1e8}) {
    for (int i = 0; i < 20000; ++i) {
      const double x = std::uniform_real_distribution(-range, range)(random);
      const SinCos got = sin_cos(x);
      ASSERT_NEAR(got.sin, std::sin(x), 4e-16) << x;
      ASSERT_NEAR(got.cos, std::cos(x), 4e-16) << x;
    }
  }
}

TEST(RopeTable, IsAccurateAtAMillionPositions) {
  RopeSpec rope;
  rope.n_rot = 128;
  rope.theta = 500000;
  std::vector<double> frequencies(64);
  rope_frequencies(rope, nullptr, frequencies.data());
  std::vector<float> cos_sin(128);
  for (const std::size_t position :
       {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{1000000}}) {
    rope_rotations(frequencies.data(), 64, 1, position, cos_sin.data());
    for (std::size_t i = 0; i < 64; ++i) {
      const long double angle = position * std::pow(500000.0L, -static_cast<long double>(i) / 64);
      ASSERT_NEAR(cos_sin[2 * i], std::cos(angle), 4e-8) << i;
      ASSERT_NEAR(cos_sin[2 * i + 1], std::sin(angle), 4e-8) << i;
    }
  }
}

TEST(RopeTable, YarnKeepsFastPairsAndInterpolatesSlowOnes) {
  RopeSpec rope;
  rope.n_rot = 128;
  rope.theta = 10000;
  rope.yarn = true;
  rope.freq_scale = 0.25;
  rope.original_context = 4096;
  std::vector<double> scaled(64), trained(64);
  rope_frequencies(rope, nullptr, scaled.data());
  rope.yarn = false;
  rope.freq_scale = 1;
  rope_frequencies(rope, nullptr, trained.data());
  EXPECT_DOUBLE_EQ(scaled[0], trained[0]);
  EXPECT_DOUBLE_EQ(scaled[63], trained[63] / 4);
  for (std::size_t i = 1; i < 64; ++i) {
    EXPECT_LE(scaled[i] / trained[i], scaled[i - 1] / trained[i - 1] + 1e-12) << i;
  }
}

TEST(RopeTable, YarnMagnitudeGrowsWithTheLogarithmOfTheFactor) {
  RopeSpec rope;
  rope.freq_scale = 1.0 / 8;
  EXPECT_DOUBLE_EQ(rope_magnitude(rope), 1);
  rope.yarn = true;
  EXPECT_NEAR(rope_magnitude(rope), 1 + 0.1 * std::log(8.0), 1e-15);
}

}  // namespace
}  // namespace quern::test
