#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <climits>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/api/golden_model.h"
#include "tests/support/files.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/sanitizers.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

using test::golden_model;
using test::golden_path;
using testing::HasSubstr;

TEST(Model, InfoSaysWhatTheFileHolds) {
  const Model model = golden_model();
  const ModelInfo& info = model.info();
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_EQ(info.n_vocab, 320);
  EXPECT_EQ(info.n_heads, 4);
  EXPECT_EQ(info.n_kv_heads, 2);
  EXPECT_EQ(info.dim, info.n_heads * info.head_dim);
  EXPECT_EQ(info.types, "F32 100%");
  EXPECT_EQ(info.file_bytes, std::filesystem::file_size(golden_path("llama.gguf")));
  EXPECT_TRUE(info.mapped);
  EXPECT_EQ(info.isa, available_isas().front());
}

TEST(Model, EveryInstructionSetOfThisMachineCanBeAskedFor) {
  const std::span<const std::string_view> isas = available_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.back(), "scalar");
  for (const std::string_view isa : isas)
    EXPECT_EQ(Model::open(golden_path("llama.gguf"), {.isa = std::string(isa)}).value().info().isa, isa);
  const auto unknown = Model::open(golden_path("llama.gguf"), {.isa = "abacus"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(unknown.error().message, HasSubstr("abacus"));
}

TEST(Model, RunsFromMemoryAtAnyAddress) {
  const std::string bytes = test::read_file(golden_path("llama.gguf"));
  const auto prompt = test::Golden::load("llama").prompt;
  Session mapped = golden_model().new_session(test::small_session()).value();
  const std::span<const float> want = mapped.feed(prompt).value();
  for (const std::size_t shift : {0u, 1u}) {
    std::vector<std::byte> memory(bytes.size() + shift);
    std::ranges::copy(std::as_bytes(std::span(bytes)), memory.begin() + static_cast<std::ptrdiff_t>(shift));
    const Model model = Model::open(std::span<const std::byte>(memory).subspan(shift)).value();
    EXPECT_FALSE(model.info().mapped);
    EXPECT_EQ(model.info().file_bytes, bytes.size());
    Session session = model.new_session(test::small_session()).value();
    EXPECT_TRUE(std::ranges::equal(session.feed(prompt).value(), want)) << "shift " << shift;
    const Plan plan =
        Model::plan(std::span<const std::byte>(memory).subspan(shift), test::small_session()).value();
    const Plan of_file = Model::plan(golden_path("llama.gguf"), test::small_session()).value();
    EXPECT_EQ(plan.weight_bytes, of_file.weight_bytes);
    EXPECT_EQ(plan.kv_bytes, of_file.kv_bytes);
    EXPECT_EQ(plan.scratch_bytes, of_file.scratch_bytes);
    EXPECT_EQ(plan.n_ctx, of_file.n_ctx);
  }
}

TEST(Model, BytesThatAreNoModelAreRefused) {
  const auto empty = Model::open(std::span<const std::byte>());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::corrupt);
  const std::string bytes = test::read_file(golden_path("llama.gguf"));
  const auto all = std::as_bytes(std::span(bytes));
  const auto cut = Model::open(all.first(all.size() - 1));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::corrupt);
  EXPECT_EQ(Model::plan(all.first(all.size() - 1)).error().code, ErrorCode::corrupt);
  EXPECT_EQ(Model::plan(all, {.n_ctx = -1}).error().field, "n_ctx");
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = Model::open(all, {.stop = stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
}

TEST(Model, ReadIntoMemoryItSaysHowFarItIs) {
  std::vector<double> seen;
  const Model model =
      Model::open(golden_path("llama.gguf"), {.map = false, .progress = [&](double f) { seen.push_back(f); }})
          .value();
  EXPECT_FALSE(model.info().mapped);
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), 1.0);

  const auto prompt = test::Golden::load("llama").prompt;
  Session copied = model.new_session(test::small_session()).value();
  Session mapped = golden_model().new_session(test::small_session()).value();
  EXPECT_TRUE(std::ranges::equal(copied.feed(prompt).value(), mapped.feed(prompt).value()));
}

TEST(Model, OpeningCanBeCancelled) {
  std::stop_source stop;
  stop.request_stop();
  const auto cancelled = Model::open(golden_path("llama.gguf"), {.map = false, .stop = stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::cancelled);
}

TEST(Model, WhatTheProgressCallbackThrowsPassesThrough) {
  EXPECT_THROW(
      (void)Model::open(golden_path("llama.gguf"), {.map = false, .progress = [](double) { throw 7; }}), int);
}

TEST(Model, WrongSessionOptionsAreErrorsThatNameThem) {
  const Model model = golden_model();
  const auto field = [&](const SessionOptions& options) {
    const auto session = model.new_session(options);
    const auto plan = Model::plan(golden_path("llama.gguf"), options);
    if (session || plan) return std::string("accepted");
    EXPECT_EQ(session.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(session.error().message, plan.error().message);
    return session.error().field;
  };
  EXPECT_EQ(field({.n_ctx = -1}), "n_ctx");
  EXPECT_EQ(field({.threads = -1}), "threads");
  EXPECT_EQ(field({.batch = 0}), "batch");
  EXPECT_EQ(field({.n_ctx = INT_MAX}), "n_ctx");
}

TEST(Model, AContextBeyondTrainingIsGivenWhereItIsAskedFor) {
  const Model model = golden_model();
  const int n_train = model.info().n_ctx_train, n_more = n_train + 100;
  EXPECT_EQ(model.new_session()->n_ctx(), n_train);
  auto session = model.new_session({.n_ctx = n_more});
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->n_ctx(), n_more);
  const std::vector<Token> tokens(static_cast<std::size_t>(n_more), 7);
  const auto logits = session->feed(tokens);
  ASSERT_TRUE(logits) << logits.error().message;
  EXPECT_TRUE(std::isfinite((*logits)[0]));
}

TEST(Model, LearnedPositionsEndWhereTheyEnd) {
  const auto gpt2 = std::filesystem::path(QUERN_SHARED_DIR) / "golden/models/gpt2.gguf";
  if (!std::filesystem::exists(gpt2)) GTEST_SKIP() << gpt2 << " is not here";
  const auto model = Model::open(gpt2);
  ASSERT_TRUE(model) << model.error().message;
  const int n_train = model->info().n_ctx_train;
  EXPECT_TRUE(model->new_session({.n_ctx = n_train}));
  const auto more = model->new_session({.n_ctx = n_train + 1});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().field, "n_ctx");
  EXPECT_THAT(more.error().message, HasSubstr(std::to_string(n_train)));
}

TEST(Model, FilesThatAreNoModelAreErrorsThatNameTheFile) {
  using test::gguf;
  const test::ScratchFolder folder;
  const struct {
    const char* what;
    std::vector<std::byte> bytes;
    ErrorCode code;
    const char* names;
  } cases[] = {
      {"empty", {}, ErrorCode::corrupt, "broken.gguf"},
      {"another format", gguf().magic("GGUX").bytes(), ErrorCode::corrupt, "GGUX"},
      {"no architecture", gguf().kv("general.name", "x").bytes(), ErrorCode::corrupt, "general.architecture"},
      {"an unknown architecture", gguf().kv("general.architecture", "abacus").bytes(), ErrorCode::unsupported,
       "abacus"},
      {"an architecture and nothing else", gguf().kv("general.architecture", "llama").bytes(),
       ErrorCode::corrupt, "llama."},
  };
  for (const auto& c : cases) {
    const auto path = folder / "broken.gguf";
    test::write_file(path, c.bytes);
    const auto opened = Model::open(path);
    const auto planned = Model::plan(path);
    ASSERT_FALSE(opened) << c.what;
    ASSERT_FALSE(planned) << c.what;
    EXPECT_EQ(opened.error().code, c.code) << c.what << ": " << opened.error().message;
    EXPECT_THAT(opened.error().message, HasSubstr("broken.gguf")) << c.what;
    EXPECT_THAT(opened.error().message, HasSubstr(c.names)) << c.what;
    EXPECT_EQ(planned.error().message, opened.error().message) << c.what;
  }
  const auto absent = Model::open(folder / "absent.gguf");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::io);
  EXPECT_THAT(absent.error().message, HasSubstr("absent.gguf"));
}

// Every prefix of a good file is refused, by plan() and open() alike.
TEST(Model, CutFilesAreErrors) {
  const test::ScratchFolder folder;
  const std::string good = test::read_file(golden_path("llama.gguf"));
  for (std::size_t n = 0; n < good.size(); n = n < 4096 ? n + 61 : n + 40009) {
    const auto path = folder / "cut.gguf";
    std::ofstream(path, std::ios::binary).write(good.data(), static_cast<std::streamsize>(n));
    EXPECT_FALSE(Model::open(path)) << n << " bytes";
    EXPECT_FALSE(Model::plan(path)) << n << " bytes";
    EXPECT_FALSE(Model::open(path, {.map = false})) << n << " bytes";
  }
}

TEST(Model, ThePlanIsWhatASessionTakes) {
  const Model model = golden_model();
  for (const KvType kv_type : {KvType::f32, KvType::f16, KvType::bf16, KvType::q8_0}) {
    for (const int n_ctx : {64, 100, 256}) {
      const SessionOptions options{.n_ctx = n_ctx, .kv_type = kv_type, .threads = 2, .batch = 64};
      const auto plan = Model::plan(golden_path("llama.gguf"), options);
      const auto session = model.new_session(options);
      ASSERT_EQ(plan.has_value(), session.has_value());
      if (!plan) {  // the head size may not fit blocks of 32
        EXPECT_EQ(kv_type, KvType::q8_0);
        EXPECT_EQ(plan.error().message, session.error().message);
        continue;
      }
      EXPECT_EQ(plan->n_ctx, n_ctx);
      EXPECT_EQ(session->n_ctx(), n_ctx);
      EXPECT_EQ(plan->kv_bytes + plan->scratch_bytes, session->memory_bytes());
    }
  }
}

#ifndef QUERN_SANITIZED  // they bring an allocator of their own
std::size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Everything in private memory, counted by the allocator.
TEST(Model, ThePlanIsWithinTwoPercentOfWhatIsAllocated) {
  const std::filesystem::path valley = QUERN_SOURCE_DIR "/examples/model/quern-valley.gguf";
  for (const auto& path : {golden_path("llama.gguf"), golden_path("mixtral.gguf"), valley}) {
    for (const int batch : {32, 512}) {
      const SessionOptions options{.n_ctx = 256, .threads = 2, .batch = batch};
      const Plan plan = Model::plan(path, options, {.map = false}).value();
      const std::size_t before = allocated_bytes();
      const Model model = Model::open(path, {.map = false}).value();
      const Session session = model.new_session(options).value();
      const auto measured = static_cast<double>(allocated_bytes() - before);
      const auto planned = static_cast<double>(plan.total_bytes());
      EXPECT_NEAR(measured / planned, 1, 0.02)
          << path << ", batch " << batch << ": planned " << planned << " bytes, allocated " << measured;
    }
  }
}
#endif

}  // namespace
}  // namespace quern
