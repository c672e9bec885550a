#include "quern/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "formats/finite_blocks.h"
#include "quern/inspect.h"
#include "tests/support/files.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

using formats::TensorTypeInfo;
using testing::ElementsAre;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

const std::filesystem::path llama = std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "llama.gguf";

CheckReport checked(const Bytes& bytes, const CheckOptions& options = {}) {
  const test::ScratchFolder folder;
  test::write_file(folder / "file.gguf", bytes);
  return check(folder / "file.gguf", options).value();
}

TEST(Check, SoundModelsHaveNoFindings) {
  for (const auto& path :
       {llama, std::filesystem::path(QUERN_SOURCE_DIR) / "examples" / "model" / "quern-valley.gguf"}) {
    for (const int threads : {1, 2}) {
      const CheckReport report = check(path, {.threads = threads}).value();
      EXPECT_THAT(report.findings, ElementsAre()) << path;
      EXPECT_EQ(report.manifest.tensors.size(), inspect(path)->tensors.size());
      EXPECT_GT(report.n_bytes, 0u);
    }
  }
}

// Each type once: a tensor of two rows whose second row ends in a block that is not finite.
TEST(Check, FindsANanInEveryTypeOfBlock) {
  std::size_t n_types = 0;
  for (const TensorTypeInfo& type : formats::tensor_types()) {
    const bool may_be_in_files = formats::find_tensor_type(static_cast<std::uint32_t>(type.type)).has_value();
    if (!may_be_in_files || (type.decode == nullptr && type.type != formats::TensorType::f64)) continue;
    SCOPED_TRACE(type.name);
    const std::uint64_t columns = 3 * type.block_elements;
    const test::ScratchFolder folder;
    const auto path = folder / "file.gguf";
    Bytes bytes = test::gguf().tensor("some.weight", {columns, 2}, type.type).bytes();
    test::write_file(path, bytes);
    const TensorItem tensor = inspect(path)->tensors.at(0);
    std::byte* const data = bytes.data() + tensor.file_offset;
    std::fill_n(data, tensor.n_bytes, std::byte{0});
    test::write_file(path, bytes);
    EXPECT_THAT(check(path)->findings, ElementsAre());
    // A scale of one byte or two, a number of several, or IQ1_M's scale, which is in four pieces.
    std::byte* const block = data + 5 * type.block_bytes;
    std::size_t at = 0;
    for (; at < type.block_bytes; ++at) {
      for (std::size_t next = at; next < std::min(at + 3, type.block_bytes); ++next)
        block[next] = std::byte{0xFF};
      if (count_non_finite(type.type, block, 1) > 0) break;
      std::fill_n(block, type.block_bytes, std::byte{0});
    }
    ASSERT_LT(at, type.block_bytes);
    test::write_file(path, bytes);
    const CheckReport report = check(path).value();
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].where, "tensor 'some.weight'");
    EXPECT_THAT(report.findings[0].what, HasSubstr("1 of 6 " + std::string(type.name)));
    EXPECT_THAT(report.findings[0].what,
                HasSubstr("row 1, column " + std::to_string(2 * type.block_elements)));
    ++n_types;
  }
  EXPECT_GE(n_types, 28u);
}

TEST(Check, AChangedBitIsFoundByItsTensor) {
  const Manifest maker = check(llama)->manifest;
  EXPECT_THAT(compare(maker, maker), ElementsAre());
  const FileReport file = inspect(llama).value();
  Bytes bytes = test::read_bytes(llama);
  const TensorItem& last = file.tensors.back();
  bytes[last.file_offset + last.n_bytes - 1] ^= std::byte{1};
  const auto findings = compare(maker, checked(bytes).manifest);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].where, "tensor '" + last.name + "'");
  EXPECT_THAT(findings[0].what, HasSubstr(maker.tensors.back().sha256));

  // In a text of the metadata, which ends before the first tensor: the name of the architecture is intact.
  const std::string needle = "tokenizer.ggml.tokens";
  const auto text = std::as_bytes(std::span(needle));
  Bytes other = test::read_bytes(llama);
  const auto at = std::search(other.begin(), other.end(), text.begin(), text.end());
  at[static_cast<std::ptrdiff_t>(needle.size()) + 4 + 4 + 8 + 8] ^= std::byte{1};
  const auto changed = compare(maker, checked(other).manifest);
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].where, "metadata");
}

TEST(Check, ComparesTensorsByName) {
  const auto manifest = [](std::vector<TensorDigest> tensors) {
    return Manifest{.metadata_sha256 = "m", .tensors = std::move(tensors)};
  };
  const TensorDigest a{"a", "F32", {4, 2}, 32, "1"}, b{"b", "F32", {4}, 16, "2"};
  EXPECT_THAT(compare(manifest({a, b}), manifest({b, a})), ElementsAre());
  EXPECT_THAT(compare(manifest({a, b}), manifest({b})), ElementsAre(Finding{"tensor 'a'", "is missing"}));
  EXPECT_THAT(compare(manifest({a}), manifest({b, a})),
              ElementsAre(Finding{"tensor 'b'", "is not in the manifest"}));
  TensorDigest wide = a;
  wide.dims = {8};
  EXPECT_THAT(compare(manifest({a}), manifest({wide})),
              ElementsAre(Finding{"tensor 'a'", "is F32 8, expected F32 4x2"}));
}

test::GgufBytes small_vocabulary() {
  return test::gguf()
      .kv("tokenizer.ggml.model", "gpt2")
      .kv("tokenizer.ggml.pre", "default")
      .kv("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"})
      .kv("tokenizer.ggml.merges", std::vector<std::string>{});
}

TEST(Check, ATokenizerThatLosesTextIsFound) {
  const CheckReport report = checked(small_vocabulary().bytes());
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].where, "tokenizer");
  EXPECT_THAT(report.findings[0].what, HasSubstr("'The quern grinds 12 bushels of wheat.' comes back as '"));
}

TEST(Check, ChatTemplates) {
  const auto found = [](std::string_view source) {
    const CheckReport report = checked(test::gguf().kv("tokenizer.chat_template", source).bytes());
    return report.findings.empty() ? Finding{} : report.findings[0];
  };
  EXPECT_EQ(found("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"), Finding{});
  EXPECT_THAT(found("{{ messages[0].content }}").what,
              HasSubstr("leaves out 'The Fennock flows past the mill.' of the assistant"));
  EXPECT_THAT(found("{{ raise_exception('No.') }}").what, HasSubstr("refuses a conversation: No."));
  EXPECT_EQ(found("{{ messages[0]").where, "chat template");
  EXPECT_THAT(checked(test::gguf().bytes()).notes, ElementsAre("no tokenizer", "no chat template"));
}

TEST(Check, ProgressStopAndErrors) {
  double last = 0;
  EXPECT_TRUE(check(llama, {.threads = 1, .progress = [&](double fraction) {
                              EXPECT_GT(fraction, last);
                              last = fraction;
                            }}));
  EXPECT_EQ(last, 1.0);
  EXPECT_THROW((void)check(llama, {.progress = [](double) { throw std::runtime_error("stop"); }}),
               std::runtime_error);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(check(llama, {.stop = stop.get_token()}).error().code, ErrorCode::cancelled);
  EXPECT_EQ(check(llama, {.threads = -1}).error().field, "threads");
  EXPECT_EQ(check("nothing.gguf").error().code, ErrorCode::io);
}

}  // namespace
}  // namespace quern
