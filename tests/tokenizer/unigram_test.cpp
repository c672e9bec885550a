// Unigram vocabularies (t5) against slow and plain versions of the same rules, and their maps in pieces.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "src/tokenizer/charsmap.h"
#include "src/tokenizer/unicode.h"
#include "tests/tokenizer/charsmap_bytes.h"
#include "tests/tokenizer/made_up.h"

namespace quern::detail {
namespace {

using test::CharsmapBytes;
using test::MadeUp;
using Replacements = std::map<std::string, std::string>;

constexpr const char* charsmap_key = "tokenizer.ggml.precompiled_charsmap";

// <pad>, </s>, <unk>, and what the caller adds.
MadeUp made_up_t5() {
  MadeUp vocab;
  vocab.model = "t5";
  vocab.add("<pad>", test::control_type);
  vocab.add("</s>", test::control_type);
  vocab.add("<unk>", test::unknown_type);
  return vocab;
}

std::function<void(test::GgufBytes&)> with_charsmap(const std::vector<std::uint8_t>& bytes) {
  return [bytes](test::GgufBytes& file) { test::add_numbers(file, charsmap_key, bytes); };
}

struct Rules {
  bool remove_extra = false, prefix = false;
  Replacements replacements;
};

std::string normalized_slowly(const std::string& text, const Rules& rules) {
  std::string mapped;
  for (std::size_t i = 0; i < text.size();) {
    const std::pair<const std::string, std::string>* best = nullptr;
    for (const auto& entry : rules.replacements)
      if (text.compare(i, entry.first.size(), entry.first) == 0 &&
          (!best || entry.first.size() > best->first.size()))
        best = &entry;
    if (best) {
      mapped += best->second;
      i += best->first.size();
      continue;
    }
    const Char c = read_char(text.data() + i, text.data() + text.size());
    mapped += c.code == replacement_character ? "\xEF\xBF\xBD" : text.substr(i, c.n_bytes);
    i += c.n_bytes;
  }
  std::string out;
  bool prefixed = false;
  for (std::size_t i = 0; i < mapped.size(); ++i) {
    if (mapped[i] == ' ') {
      if (!rules.remove_extra) out += "▁";
      continue;
    }
    const bool starts = i == 0 || mapped[i - 1] == ' ';
    if (starts && (rules.remove_extra || (rules.prefix && !prefixed))) {
      out += "▁";
      prefixed = true;
    }
    out += mapped[i];
  }
  return out;
}

// Every way to reach every position, in the order in which the rules try them.
std::vector<Token> best_slowly(const MadeUp& vocab, const std::string& text) {
  std::vector<double> best(text.size() + 1, -1e300);
  std::vector<std::pair<std::size_t, Token>> from(text.size() + 1);
  best[0] = 0;
  float least = 1e30f;
  for (std::size_t id = 0; id < vocab.tokens->size(); ++id)
    if ((*vocab.types)[id] == test::normal_type) least = std::min(least, (*vocab.scores)[id]);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = symbol_bytes(text[at], text.size() - at);
    bool covered = false;
    for (std::size_t length = 1; at + length <= text.size(); ++length)
      for (std::size_t id = 0; id < vocab.tokens->size(); ++id) {
        const int type = (*vocab.types)[id];
        if (type != test::normal_type && type != test::user_type && type != test::unused_type) continue;
        if ((*vocab.tokens)[id] != text.substr(at, length)) continue;
        const double value = best[at] + (type == test::user_type ? 0.0 : double{(*vocab.scores)[id]});
        if (value > best[at + length])
          best[at + length] = value, from[at + length] = {at, static_cast<Token>(id)};
        covered = covered || length == n;
        break;  // of several with one text the first
      }
    if (!covered && best[at] + double{least - 10} > best[at + n])
      best[at + n] = best[at] + double{least - 10}, from[at + n] = {at, 2};
    at += n;
  }
  std::vector<Token> ids;
  for (std::size_t at = text.size(); at > 0; at = from[at].first) ids.push_back(from[at].second);
  std::reverse(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end(), [](Token a, Token b) { return a == 2 && b == 2; }),
            ids.end());
  return ids;
}

std::string random_text(std::mt19937& random, const std::vector<std::string>& characters, std::size_t most) {
  std::string text;
  for (std::size_t n = random() % (most + 1); n > 0; --n) text += characters[random() % characters.size()];
  return text;
}

TEST(Unigram, TakesTheLikeliestPieces) {
  std::mt19937 random(21);
  const std::vector<std::string> letters = {"a", "b", "c", "é", "日", "▁"};
  const std::vector<std::string> input = {"a", "b", "c", "é",    "日",   " ",
                                          " ", "ﬁ", "x", "\xE9", "\xFF", "\xE6\x97"};
  for (int round = 0; round < 24; ++round) {
    Rules rules{.remove_extra = round % 2 == 0, .prefix = round % 4 < 2, .replacements = {}};
    if (round % 3 != 0)
      rules.replacements = {{"ﬁ", "fi"}, {"é", "e"}, {"ab", "ba c"}, {"abc", ""}, {"\xFF", "日 "}};
    MadeUp vocab = made_up_t5();
    for (int i = 0; i < 30; ++i) {
      const std::string text = random_text(random, letters, 4);
      // Few values, so that sums often tie.
      vocab.add(text.empty() ? "a" : text,
                random() % 9 == 0   ? test::unused_type
                : random() % 9 == 0 ? test::control_type
                                    : test::normal_type,
                -static_cast<float>(random() % 4) / 2);
    }
    const auto charsmap = CharsmapBytes(rules.replacements).bytes();
    vocab.more = [&](test::GgufBytes& file) {
      file.kv("tokenizer.ggml.remove_extra_whitespaces", rules.remove_extra);
      file.kv("tokenizer.ggml.add_space_prefix", rules.prefix);
      if (!rules.replacements.empty()) test::add_numbers(file, charsmap_key, charsmap);
    };
    const auto loaded = vocab.load();
    ASSERT_TRUE(loaded) << loaded.error().message;
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(random, input, i % 2 == 0 ? 12 : 70);
      const std::vector<Token> expected = best_slowly(vocab, normalized_slowly(text, rules));
      ASSERT_EQ((*loaded)->encode(text, false, false).value(), expected) << round << " '" << text << "'";
    }
  }
}

TEST(Unigram, UserDefinedTokensCostNothing) {
  MadeUp vocab = made_up_t5();
  const Token a = vocab.add("a", test::normal_type, -1), b = vocab.add("b", test::normal_type, -1);
  vocab.add("ab", test::normal_type, -1.5f);
  const Token user = vocab.add("ba", test::user_type, -100);
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("aba", false, false).value(), (std::vector<Token>{a, user}));
  EXPECT_EQ(tokenizer->encode("b", true, false).value(), (std::vector<Token>{b, 1}));
  EXPECT_EQ(tokenizer->encode("", true, false).value(), (std::vector<Token>{1}));
  EXPECT_EQ(tokenizer->encode("xx☃", false, false).value(), (std::vector<Token>{2}));
}

TEST(Unigram, DecodesItsSpaces) {
  MadeUp vocab = made_up_t5();
  const Token hello = vocab.add("▁hello", test::normal_type, -1),
              you = vocab.add("▁you", test::normal_type, -1);
  vocab.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.add_space_prefix", true); };
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("hello you", true, false).value(), (std::vector<Token>{hello, you, 1}));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{hello, you, 1}, true, false).value(), "hello you");
}

Result<Charsmap::Match> look_up(const std::vector<std::uint8_t>& bytes, std::string_view text) {
  MadeUp vocab = made_up_t5();
  vocab.more = with_charsmap(bytes);
  static std::vector<std::vector<std::byte>> files;  // what matches point into
  files.push_back(vocab.bytes());
  static std::vector<formats::ModelFile> opened;
  opened.push_back(formats::ModelFile::from_bytes(files.back()).value());
  const auto map = Charsmap::load(opened.back().metadata());
  if (!map) return map.error();
  return map->longest(text);
}

TEST(Charsmap, FindsTheLongestKey) {
  const CharsmapBytes map(Replacements{{"a", "1"}, {"abc", "22"}, {"\xC3\xA9", ""}});
  EXPECT_EQ(look_up(map.bytes(), "ab").value().replacement, "1");
  EXPECT_EQ(look_up(map.bytes(), "ab").value().n_bytes, 1u);
  EXPECT_EQ(look_up(map.bytes(), "abcd").value().replacement, "22");
  EXPECT_EQ(look_up(map.bytes(), "abcd").value().n_bytes, 3u);
  EXPECT_EQ(look_up(map.bytes(), "\xC3\xA9").value().n_bytes, 2u);
  EXPECT_EQ(look_up(map.bytes(), "x").value().n_bytes, 0u);
  EXPECT_EQ(look_up(map.bytes(), std::string_view("\0a", 2)).value().n_bytes, 0u);
}

TEST(Charsmap, BrokenMapsAreRefused) {
  const auto broken = [](const std::function<void(CharsmapBytes&)>& change) {
    CharsmapBytes map(Replacements{{"a", "1"}, {"ab", "22"}});
    change(map);
    return map.bytes();
  };
  const std::vector<std::uint8_t> good = broken([](CharsmapBytes&) {});
  ASSERT_TRUE(look_up(good, "ab"));
  std::vector<std::uint8_t> short_size = good, odd = good, no_texts = good, unended = good;
  short_size.resize(3);
  odd[0] += 1;
  no_texts.resize(no_texts.size() - 5);
  unended.pop_back();
  const struct {
    const char* what;
    std::vector<std::uint8_t> bytes;
    const char* says;
  } cases[] = {
      {"three bytes", short_size, "has 3 bytes, expected at least 4"},
      {"an odd size", odd, "expected a multiple of 4"},
      {"a size of 0", {0, 0, 0, 0, 0}, "a trie of 0"},
      {"a size beyond the end", {255, 255, 255, 252, 0, 0, 0, 0, 0}, "and a trie of"},
      {"no replacements", no_texts, "with replacements behind it"},
      {"a replacement without an end", unended, "does not end its last replacement"},
      {"a root that points outside", broken([](CharsmapBytes& m) { m.units()[0] = 0x3FFFFFu << 10; }),
       "leads to unit"},
      {"a far root", broken([](CharsmapBytes& m) { m.units()[0] = 0xFFFFFFFFu; }), "leads to unit"},
      {"a node that points outside", broken([](CharsmapBytes& m) {
         m.units()[m.unit_of("a")] = 0x1FFFFFu << 10 | CharsmapBytes::leaf | 'a';
       }),
       "leads to unit"},
      {"a replacement outside", broken([](CharsmapBytes& m) {
         for (auto& unit : m.units())
           if ((unit & 0x80000000u) != 0) unit = 0x80000005u;
       }),
       "points to a replacement at 5, expected less than 5"},
  };
  for (const auto& c : cases) {
    const auto match = look_up(c.bytes, "ab");
    ASSERT_FALSE(match) << c.what;
    EXPECT_EQ(match.error().code, ErrorCode::corrupt) << c.what;
    EXPECT_EQ(match.error().field, charsmap_key) << c.what;
    EXPECT_NE(match.error().message.find(c.says), std::string::npos)
        << c.what << ": " << match.error().message;
  }
}

TEST(Charsmap, AMapInCirclesIsAnErrorWithinTheText) {
  CharsmapBytes map(Replacements{{"a", "1"}});
  const std::size_t a = map.unit_of("a");
  map.units()[a] = static_cast<std::uint32_t>('a') << 10 | 'a';  // its children are those of the root
  EXPECT_TRUE(look_up(map.bytes(), std::string(200, 'a')));
  const auto match = look_up(map.bytes(), std::string(300, 'a'));
  ASSERT_FALSE(match);
  EXPECT_NE(match.error().message.find("a key of more than 256 bytes"), std::string::npos)
      << match.error().message;
}

TEST(Charsmap, AMapThatBlowsTextUpIsAnError) {
  MadeUp vocab = made_up_t5();
  vocab.more = with_charsmap(CharsmapBytes(Replacements{{"a", std::string(100, 'b')}}).bytes());
  const auto tokenizer = vocab.load().value();
  EXPECT_TRUE(tokenizer->encode("cccccca", false, false));
  const auto ids = tokenizer->encode(std::string(1000, 'a'), false, false);
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code, ErrorCode::corrupt);
  EXPECT_EQ(ids.error().field, charsmap_key);
}

TEST(Charsmap, MustBeBytes) {
  MadeUp vocab = made_up_t5();
  vocab.more = [](test::GgufBytes& file) {
    test::add_numbers(file, charsmap_key, std::vector<std::uint32_t>{4, 0, 0});
  };
  ASSERT_FALSE(vocab.load());
  EXPECT_NE(vocab.load().error().message.find("array of u32"), std::string::npos);
  vocab.more = [](test::GgufBytes& file) { file.kv(charsmap_key, "text"); };
  EXPECT_EQ(vocab.load().error().field, charsmap_key);
  vocab.more = with_charsmap({});
  EXPECT_TRUE(vocab.load());
}

// The cost must grow as the text does, for words that pieces overlap in all the way, and for those that
// nothing covers: in quadratic time this test would take hours.
TEST(Unigram, LongWordsTakeLinearTime) {
  MadeUp vocab = made_up_t5();
  for (std::size_t n = 1; n <= 64; ++n)
    vocab.add(std::string(n, 'a'), test::normal_type, -static_cast<float>(n));
  const auto tokenizer = vocab.load().value();
  for (const char letter : {'a', 'x'})
    EXPECT_FALSE(tokenizer->encode(std::string(std::size_t{1} << 21, letter), false, false).value().empty());
}

}  // namespace
}  // namespace quern::detail
