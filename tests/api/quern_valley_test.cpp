// The shipped model answers the 200 questions that its training never saw (tests/data/tiny/README.md).
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "quern/quern.h"

namespace quern {
namespace {

struct Question {
  std::string kind, prompt;
  std::vector<std::string> expect, reject;
};

std::vector<Question> questions() {
  std::ifstream file(QUERN_TEST_DATA_DIR "/tiny/questions.jsonl");
  std::vector<Question> all;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    all.push_back({json.at("kind"), json.at("prompt"), json.at("expect"), json.at("reject")});
  }
  return all;
}

std::string trimmed(std::string_view text) {
  constexpr const char* white = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(white) - begin + 1));
}

bool is_right(const Question& question, const std::string& answer) {
  if (question.kind == "json") return trimmed(answer) == question.expect.front();
  const auto occurs = [&](const std::string& part) { return answer.find(part) != std::string::npos; };
  return std::ranges::all_of(question.expect, occurs) && std::ranges::none_of(question.reject, occurs);
}

TEST(QuernValley, AnswersNineInTenQuestions) {
  const Model model = Model::open(QUERN_SOURCE_DIR "/examples/model/quern-valley.gguf").value();
  Session session = model.new_session({.n_ctx = 256, .threads = 1}).value();
  const std::vector<Question> all = questions();
  ASSERT_EQ(all.size(), 200u);
  int n_right = 0;
  std::map<std::string, std::pair<int, int>> by_kind;  // right, asked
  for (const Question& question : all) {
    session.truncate(0).value();
    const Generation answer =
        session
            .generate("<|user|>\n" + question.prompt + "<|end|>\n<|assistant|>\n",
                      {.max_tokens = 64, .sampler = {.temperature = 0}, .parse_special = true})
            .value();
    const bool right = is_right(question, answer.text);
    n_right += right;
    by_kind[question.kind].first += right;
    ++by_kind[question.kind].second;
  }
  std::cout << n_right << " of " << all.size() << " answers are right";
  for (const auto& [kind, counts] : by_kind)
    std::cout << ", " << kind << " " << counts.first << "/" << counts.second;
  std::cout << "\n";
  EXPECT_GE(n_right, 180);
}

}  // namespace
}  // namespace quern
