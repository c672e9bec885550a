#include "src/runtime/expert_routing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace quern::test {
namespace {

using namespace quern::detail;

struct Choice {
  std::vector<std::uint32_t> experts;
  std::vector<float> weights;
};

Choice choose(const ExpertsSpec& spec, std::vector<float> logits, const float* bias = nullptr) {
  std::vector<float> scores(logits.size());
  Choice choice{std::vector<std::uint32_t>(spec.n_used), std::vector<float>(spec.n_used)};
  const kernels::KernelTables tables = kernels::runnable_tables();
  choose_experts(spec, *tables.tables[0], bias, logits.data(), scores.data(), choice.experts.data(),
                 choice.weights.data());
  return choice;
}

ExpertsSpec four_experts(Gating gating) {
  ExpertsSpec spec;
  spec.n_experts = 4;
  spec.n_used = 2;
  spec.gating = gating;
  return spec;
}

TEST(ExpertRouting, SoftmaxOverAllThenTheBest) {
  const Choice c = choose(four_experts(Gating::softmax), {0, std::log(2.0f), std::log(5.0f), 0});
  EXPECT_EQ(c.experts, (std::vector<std::uint32_t>{2, 1}));
  EXPECT_NEAR(c.weights[0], 5.0 / 9, 1e-6);
  EXPECT_NEAR(c.weights[1], 2.0 / 9, 1e-6);
}

TEST(ExpertRouting, RenormalizedWeightsSumToTheScale) {
  ExpertsSpec spec = four_experts(Gating::softmax);
  spec.renormalize = true;
  spec.weights_scale = 2.5f;
  const Choice c = choose(spec, {0, std::log(2.0f), std::log(5.0f), 0});
  EXPECT_NEAR(c.weights[0], 2.5 * 5 / 7, 1e-6);
  EXPECT_NEAR(c.weights[1], 2.5 * 2 / 7, 1e-6);
}

TEST(ExpertRouting, SoftmaxOfTheChosen) {
  const Choice c = choose(four_experts(Gating::softmax_of_chosen), {-1, std::log(2.0f), std::log(6.0f), -1});
  EXPECT_EQ(c.experts, (std::vector<std::uint32_t>{2, 1}));
  EXPECT_NEAR(c.weights[0], 0.75, 1e-6);
  EXPECT_NEAR(c.weights[1], 0.25, 1e-6);
}

TEST(ExpertRouting, TheSelectionBiasChoosesButDoesNotWeigh) {
  const float bias[] = {10, 0, 0, 0};
  const Choice c = choose(four_experts(Gating::sigmoid), {-1, 1, 2, 0}, bias);
  EXPECT_EQ(c.experts, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_NEAR(c.weights[0], 1 / (1 + std::exp(1.0)), 1e-6);
}

TEST(ExpertRouting, TiesGoToTheLowerExpert) {
  EXPECT_EQ(choose(four_experts(Gating::softmax), {3, 3, 3, 3}).experts, (std::vector<std::uint32_t>{0, 1}));
}

TEST(ExpertRouting, OnlyTheBestGroupsCanBeChosen) {
  ExpertsSpec spec;
  spec.n_experts = 6;
  spec.n_used = 2;
  spec.n_groups = 3;
  spec.n_groups_used = 1;
  spec.gating = Gating::sigmoid;
  // Expert 0 is the best of all, but the third group has the best pair.
  EXPECT_EQ(choose(spec, {3, -9, 0, 0, 2, 1.5f}).experts, (std::vector<std::uint32_t>{4, 5}));
}

TEST(ExpertRouting, NaNNeverLeavesTheRange) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::uint32_t expert : choose(four_experts(Gating::sigmoid), {nan, nan, 1, nan}).experts)
    EXPECT_LT(expert, 4u);
  EXPECT_EQ(choose(four_experts(Gating::sigmoid), {nan, nan, 1, nan}).experts[0], 2u);
}

TEST(ExpertRouting, SlotsAreSortedByExpertThenToken) {
  const ExpertsSpec spec = four_experts(Gating::softmax);
  std::vector<std::uint32_t> chosen{3, 1, 1, 0, 3, 1}, slot_of(6), slot_token(6), slot_index(6), begin(5),
      active(4);
  Scratch scratch;
  scratch.chosen = chosen.data();
  scratch.slot_of = slot_of.data();
  scratch.slot_token = slot_token.data();
  scratch.slot_index = slot_index.data();
  scratch.expert_begin = begin.data();
  scratch.active_experts = active.data();
  ASSERT_EQ(group_by_expert(spec, 3, scratch), 3u);
  active.resize(3);
  EXPECT_EQ(active, (std::vector<std::uint32_t>{0, 1, 3}));
  EXPECT_EQ(begin, (std::vector<std::uint32_t>{0, 1, 4, 4, 6}));
  EXPECT_EQ(slot_token, (std::vector<std::uint32_t>{1, 0, 1, 2, 0, 2}));
  EXPECT_EQ(slot_of, (std::vector<std::uint32_t>{4, 1, 2, 0, 5, 3}));
}

}  // namespace
}  // namespace quern::test
