#include "formats/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "formats/gguf_writer.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/sanitizers.h"
#include "tests/support/scratch_folder.h"

namespace quern::formats {
namespace {

namespace fs = std::filesystem;
using Access = ModelFileOptions::Access;
using test::gguf;
using test::GgufBytes;
using testing::HasSubstr;

GgufBytes small_model() {
  return gguf()
      .kv("general.architecture", "llama")
      .tensor("w", {32, 2}, TensorType::q8_0)
      .tensor("v", {3})
      .tensor("u", {8, 2}, TensorType::f16);
}

// 0, 1, 2 ... as the builder's data section goes on.
void expect_pattern(const Tensor& tensor, std::uint64_t offset) {
  ASSERT_NE(tensor.data, nullptr);
  for (std::uint64_t i = 0; i < tensor.n_bytes; ++i)
    ASSERT_EQ(std::to_integer<std::uint64_t>(tensor.data[i]), (offset + i) % 251)
        << tensor.name << " byte " << i;
}

void expect_small_model(const ModelFile& model) {
  EXPECT_EQ(model.metadata().string("general.architecture").value(), "llama");
  ASSERT_EQ(model.tensors().size(), 3u);
  expect_pattern(model.tensors()[0], 0);
  expect_pattern(model.tensors()[1], 96);
  expect_pattern(model.tensors()[2], 128);
}

TEST(ModelFile, MappedAndReadTensorsAreTheSame) {
  const test::ScratchFolder folder;
  const auto bytes = small_model().bytes();
  test::write_file(folder / "m.gguf", bytes);

  const ModelFile mapped = ModelFile::open(folder / "m.gguf").value();
  EXPECT_TRUE(mapped.mapped());
  EXPECT_EQ(mapped.file_bytes(), bytes.size());
  EXPECT_EQ(mapped.n_shards(), 1u);
  expect_small_model(mapped);

  std::vector<double> progress;
  ModelFileOptions options{.access = Access::read};
  options.progress = [&](double fraction) { progress.push_back(fraction); };
  const ModelFile read = ModelFile::open(folder / "m.gguf", options).value();
  EXPECT_FALSE(read.mapped());
  expect_small_model(read);
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back(), 1.0);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));

  // What has been opened stays when the name goes.
  fs::remove(folder / "m.gguf");
  expect_small_model(mapped);
  expect_small_model(ModelFile::from_bytes(bytes).value());
}

TEST(ModelFile, TensorsKnowTheirShape) {
  const auto bytes = small_model().bytes();
  const ModelFile model = ModelFile::from_bytes(bytes).value();
  const Tensor* w = model.find("w");
  ASSERT_EQ(w, &model.tensors()[0]);
  EXPECT_EQ(w->type, TensorType::q8_0);
  EXPECT_EQ(w->n_dims, 2u);
  EXPECT_EQ(w->n_elements(), 64u);
  EXPECT_EQ(w->n_rows(), 2u);
  EXPECT_EQ(w->row_bytes(), 34u);
  EXPECT_EQ(w->n_bytes, 68u);
  EXPECT_EQ(w->data, bytes.data() + w->file_offset);
  EXPECT_EQ(model.find("v")->n_rows(), 1u);
  EXPECT_EQ(model.find("none"), nullptr);
}

TEST(ModelFile, HeaderOnlyTouchesNoData) {
  const test::ScratchFolder folder;
  test::write_file(folder / "m.gguf", small_model().bytes());
  const auto model = ModelFile::open(folder / "m.gguf", {.access = Access::header_only});
  ASSERT_TRUE(model.has_value());
  EXPECT_FALSE(model->mapped());
  for (const Tensor& tensor : model->tensors()) EXPECT_EQ(tensor.data, nullptr);
  EXPECT_EQ(model->find("u")->n_bytes, 32u);
}

// What was checked must not change afterwards, whatever happens to the bytes.
TEST(ModelFile, MetadataAndNamesAreACopy) {
  auto bytes = small_model().bytes();
  const ModelFile model = ModelFile::from_bytes(bytes).value();
  std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
  EXPECT_EQ(model.metadata().string("general.architecture").value(), "llama");
  EXPECT_NE(model.find("w"), nullptr);
}

TEST(ModelFile, DataIsAlignedForKernelsWhateverTheFileSays) {
  const test::ScratchFolder folder;
  const auto bytes = gguf()
                         .kv("general.alignment", 1u)
                         .alignment(1)
                         .tensor("odd", {3}, TensorType::i8)
                         .tensor("w", {4})
                         .bytes();
  test::write_file(folder / "m.gguf", bytes);
  const ModelFile file = ModelFile::open(folder / "m.gguf").value();
  const ModelFile memory = ModelFile::from_bytes(bytes).value();
  for (const ModelFile* model : {&file, &memory}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(model->find("w")->data) % 8, 0u);
    expect_pattern(*model->find("odd"), 0);
    expect_pattern(*model->find("w"), 3);
  }
}

TEST(ModelFile, APipeIsReadToItsEnd) {
  const test::ScratchFolder folder;
  const fs::path path = folder / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer(
      [&] { test::write_file(path, small_model().kv("k", std::string(3 << 20, 'x')).bytes()); });
  const auto model = ModelFile::open(path);
  writer.join();
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_FALSE(model->mapped());
  expect_small_model(*model);
}

TEST(ModelFile, WhatCannotBeOpenedIsAnIoErrorWithTheReason) {
  const test::ScratchFolder folder;
  const auto expect_io = [](const fs::path& path, std::string_view reason) {
    const auto model = ModelFile::open(path);
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(model.error().code, ErrorCode::io);
    EXPECT_THAT(model.error().message, HasSubstr(path.string()));
    EXPECT_THAT(model.error().message, HasSubstr(std::string(reason)));
  };
  expect_io(folder / "none.gguf", "No such file or directory");
  expect_io(folder.path(), "Is a directory");
  expect_io("/dev/null", "neither a file nor a pipe");
  test::write_file(folder / "secret.gguf", small_model().bytes());
  expect_io(folder / "secret.gguf" / "under", "Not a directory");
  fs::permissions(folder / "secret.gguf", fs::perms::none);
  if (::geteuid() != 0) expect_io(folder / "secret.gguf", "Permission denied");
}

TEST(ModelFile, ErrorsNameTheFile) {
  const test::ScratchFolder folder;
  test::write_file(folder / "bad.gguf", gguf().kv("a", 1u).kv("a", 1u).bytes());
  const auto model = ModelFile::open(folder / "bad.gguf");
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().field, "a");
  EXPECT_THAT(model.error().message, HasSubstr("bad.gguf: key 'a'"));
}

TEST(ModelFile, AnIncompleteDownloadSaysHowMuchIsMissing) {
  const test::ScratchFolder folder;
  test::write_file(folder / "part.gguf",
                   gguf().tensor("w", {1 << 16}).tensor("v", {1 << 16}).cut(300000).bytes());
  const auto model = ModelFile::open(folder / "part.gguf", {.access = Access::header_only});
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().code, ErrorCode::corrupt);
  EXPECT_EQ(model.error().field, "w");
  EXPECT_THAT(model.error().message, HasSubstr("300000 bytes are missing"));
}

TEST(ModelFile, CanBeStopped) {
  const test::ScratchFolder folder;
  test::write_file(folder / "m.gguf", small_model().bytes());
  std::stop_source source;
  source.request_stop();
  const auto model = ModelFile::open(folder / "m.gguf", {.access = Access::read, .stop = source.get_token()});
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().code, ErrorCode::cancelled);
}

// A file that is mostly a hole: what opening costs must not depend on its size.
TEST(ModelFile, LargeFilesOpenAtOnce) {
  const test::ScratchFolder folder;
  const fs::path path = folder / "large.gguf";
  constexpr std::uint64_t rows = 1 << 20;  // 5 GiB in five matrices of 1024 columns and 1 GiB each
  GgufBytes file = gguf();
  for (std::uint64_t i = 0; i < 5; ++i)
    file.tensor("blk." + std::to_string(i), {1024, rows}, TensorType::i8, i * (rows * 1024));
  test::write_file(path, file.data(0).bytes());
  std::error_code failed;
  fs::resize_file(path, 5 * rows * 1024 + 4096, failed);
  if (failed) GTEST_SKIP() << "no sparse files here: " << failed.message();
  {
    std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(4 * rows * 1024 + 4096));
    out.put('x');
  }
  for (const Access access : {Access::map, Access::header_only}) {
    const auto model = ModelFile::open(path, {.access = access});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const Tensor* last = model->find("blk.4");
    ASSERT_NE(last, nullptr);
    EXPECT_GT(last->file_offset, 1ull << 32);
    if (access == Access::map) {
      EXPECT_EQ(std::to_integer<char>(last->data[4 * rows * 1024 + 4096 - last->file_offset]), 'x');
    }
  }
}

#ifndef QUERN_SANITIZED  // they need terabytes of address space
TEST(ModelFile, MoreThanTheMachineHasIsAnErrorAndNoException) {
  const test::ScratchFolder folder;
  const fs::path path = folder / "large.gguf";
  test::write_file(path, gguf().tensor("w", {1 << 10, 1 << 22}, TensorType::i8).data(0).bytes());
  std::error_code failed;
  fs::resize_file(path, (1ull << 32) + 4096, failed);
  if (failed) GTEST_SKIP() << "no sparse files here: " << failed.message();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit tight{.rlim_cur = 2ull << 30, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  const auto mapped = ModelFile::open(path);
  const auto read = ModelFile::open(path, {.access = Access::read});
  const auto header = ModelFile::open(path, {.access = Access::header_only});
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  for (const auto* model : {&mapped, &read}) {
    ASSERT_FALSE(model->has_value());
    EXPECT_EQ(model->error().code, ErrorCode::out_of_memory);
  }
  EXPECT_TRUE(header.has_value());
}
#endif

// Split models.

struct SplitModel {
  test::ScratchFolder folder;
  std::vector<GgufBytes> shards{
      gguf()
          .kv("general.architecture", "llama")
          .kv("split.no", std::uint16_t{0})
          .kv("split.count", std::uint16_t{3})
          .kv("split.tensors.count", std::int32_t{3}),
      gguf()
          .kv("split.no", std::uint16_t{1})
          .kv("split.count", std::uint16_t{3})
          .tensor("a", {8})
          .tensor("b", {3}),
      gguf()
          .kv("split.no", std::uint16_t{2})
          .kv("split.count", std::uint16_t{3})
          .tensor("c", {32}, TensorType::q8_0),
  };
  fs::path path(int number, int count = 3) const {
    char name[64];
    std::snprintf(name, sizeof name, "tiny-%05d-of-%05d.gguf", number, count);
    return folder / name;
  }
  void write() const {
    for (std::size_t i = 0; i < shards.size(); ++i)
      test::write_file(path(static_cast<int>(i) + 1), shards[i].bytes());
  }
};

TEST(SplitModel, TheFirstShardOpensAll) {
  SplitModel split;
  split.write();
  for (const Access access : {Access::map, Access::read}) {
    const auto model = ModelFile::open(split.path(1), {.access = access});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    EXPECT_EQ(model->n_shards(), 3u);
    EXPECT_EQ(model->mapped(), access == Access::map);
    EXPECT_EQ(model->file_bytes(),
              fs::file_size(split.path(1)) + fs::file_size(split.path(2)) + fs::file_size(split.path(3)));
    EXPECT_EQ(model->metadata().string("general.architecture").value(), "llama");
    ASSERT_EQ(model->tensors().size(), 3u);
    EXPECT_EQ(model->tensors()[0].name, "a");
    EXPECT_EQ(model->find("b")->shard, 1u);
    EXPECT_EQ(model->find("c")->shard, 2u);
    expect_pattern(*model->find("a"), 0);
    expect_pattern(*model->find("b"), 32);
    expect_pattern(*model->find("c"), 0);
  }
}

TEST(SplitModel, AnotherShardNamesTheFirst) {
  SplitModel split;
  split.write();
  const auto model = ModelFile::open(split.path(2));
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(model.error().field, "split.no");
  EXPECT_THAT(model.error().message, HasSubstr("is shard 2 of 3"));
  EXPECT_THAT(model.error().message, HasSubstr("'tiny-00001-of-00003.gguf'"));
}

TEST(SplitModel, WhatDoesNotFitTogetherIsAnError) {
  struct Row {
    const char* what;
    ErrorCode code;
    std::string field, message;
    std::function<void(SplitModel&)> change;
  };
  const auto shard = [](int no, int count) {
    return gguf()
        .kv("split.no", static_cast<std::uint16_t>(no))
        .kv("split.count", static_cast<std::uint16_t>(count));
  };
  const Row rows[] = {
      {"a missing shard", ErrorCode::io, "", "tiny-00003-of-00003.gguf: cannot open: No such file",
       [](SplitModel& s) { fs::remove(s.path(3)); }},
      {"a broken shard", ErrorCode::corrupt, "", "tiny-00002-of-00003.gguf: the file begins with 'GGUX'",
       [](SplitModel& s) { test::write_file(s.path(2), gguf().magic("GGUX").bytes()); }},
      {"a shard in another's place", ErrorCode::corrupt, "split.no", "is shard 3 of 3, expected 2 of 3",
       [&](SplitModel& s) { test::write_file(s.path(2), shard(2, 3).bytes()); }},
      {"a shard of another model", ErrorCode::corrupt, "split.count", "is shard 2 of 4, expected 2 of 3",
       [&](SplitModel& s) { test::write_file(s.path(2), shard(1, 4).bytes()); }},
      {"a file that is no shard", ErrorCode::corrupt, "split.count", "expected 2 of 3",
       [](SplitModel& s) { test::write_file(s.path(2), small_model().bytes()); }},
      {"a tensor in two shards", ErrorCode::corrupt, "a", "twice",
       [&](SplitModel& s) { test::write_file(s.path(3), shard(2, 3).tensor("a", {8}).bytes()); }},
      {"a tensor too few", ErrorCode::corrupt, "split.tensors.count", "is 3, but the 3 shards hold 2 tensors",
       [&](SplitModel& s) { test::write_file(s.path(3), shard(2, 3).bytes()); }},
      {"no count of tensors", ErrorCode::corrupt, "split.tensors.count", "absent",
       [&](SplitModel& s) { test::write_file(s.path(1), shard(0, 3).bytes()); }},
      {"count in the name and in the file", ErrorCode::corrupt, "split.no",
       "its name must end in '-00001-of-00002.gguf'",
       [&](SplitModel& s) { test::write_file(s.path(1), shard(0, 2).bytes()); }},
      {"number in the name and in the file", ErrorCode::corrupt, "split.no",
       "its name must end in '-00002-of-00003.gguf'",
       [&](SplitModel& s) { test::write_file(s.path(1), shard(1, 3).bytes()); }},
      {"wrong type", ErrorCode::corrupt, "split.count", "the string '3'",
       [](SplitModel& s) { test::write_file(s.path(1), gguf().kv("split.count", "3").bytes()); }},
      {"too many shards", ErrorCode::corrupt, "split.count", "from 0 to 9999",
       [](SplitModel& s) { test::write_file(s.path(1), gguf().kv("split.count", 10000u).bytes()); }},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    SplitModel split;
    split.write();
    row.change(split);
    const auto model = ModelFile::open(split.path(1));
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(std::string(to_string(model.error().code)), to_string(row.code));
    EXPECT_EQ(model.error().field, row.field);
    EXPECT_THAT(model.error().message, HasSubstr(row.message));
  }
}

TEST(SplitModel, ARenamedShardIsAnError) {
  SplitModel split;
  split.write();
  fs::rename(split.path(1), split.folder / "model.gguf");
  const auto model = ModelFile::open(split.folder / "model.gguf");
  ASSERT_FALSE(model.has_value());
  EXPECT_THAT(model.error().message, HasSubstr("its name must end in '-00001-of-00003.gguf'"));
}

}  // namespace
}  // namespace quern::formats
