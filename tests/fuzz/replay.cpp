// Runs a fuzz target over its stored inputs, each as one test, so that every build and every sanitizer sees
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

class Replay : public testing::Test {
 public:
  explicit Replay(std::filesystem::path path) : path_(std::move(path)) {}
  void TestBody() override {
    std::ifstream in(path_, std::ios::binary);
    ASSERT_TRUE(in.is_open()) << path_;
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    // Exactly as large as the input: the address sanitizer sees one byte too far.
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.get());
    EXPECT_EQ(LLVMFuzzerTestOneInput(exact.get(), bytes.size()), 0);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::vector<std::filesystem::path> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(QUERN_FUZZ_CORPUS))
    inputs.push_back(entry.path());
  std::sort(inputs.begin(), inputs.end());
  for (const auto& path : inputs)
    testing::RegisterTest("FuzzReplay", path.filename().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> testing::Test* { return new Replay(path); });
  if (inputs.empty()) {
    std::fprintf(stderr, "no stored inputs in %s\n", QUERN_FUZZ_CORPUS);
    return 1;
  }
  return RUN_ALL_TESTS();
}
