#include "formats/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace quern::formats {
namespace {

std::string hashed(std::string_view text, bool portable, std::size_t step = SIZE_MAX) {
  Sha256 hash(portable);
  for (std::size_t at = 0; at < text.size(); at += std::min(step, text.size() - at))
    hash.add(std::as_bytes(std::span(text.substr(at, step))));
  return to_hex(hash.digest());
}

// The examples of FIPS 180-4, by NIST.
TEST(Sha256, KnownAnswers) {
  const struct {
    std::string text, digest;
  } known[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmno"
       "pqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const bool portable : {true, false})
    for (const auto& [text, digest] : known)
      EXPECT_EQ(hashed(text, portable), digest) << text.size() << " bytes, portable: " << portable;
}

TEST(Sha256, PiecesOfAnySizeGiveTheSame) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 31 + i / 7);
  for (std::size_t length : {0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000}) {
    const std::string_view part = std::string_view(text).substr(0, length);
    const std::string whole = hashed(part, true);
    for (const std::size_t step : {1, 3, 63, 64, 65, 200}) {
      EXPECT_EQ(hashed(part, true, step), whole) << length << " by " << step;
      EXPECT_EQ(hashed(part, false, step), whole) << length << " by " << step;
    }
  }
}

}  // namespace
}  // namespace quern::formats
