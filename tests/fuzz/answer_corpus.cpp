// Writes generated texts of the golden file as inputs of answer_fuzz.cpp: the longest of each family.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "quern/answer.h"
#include "src/base/json.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_answer_corpus tool-parsing.json FOLDER\n";
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  const auto golden = quern::detail::parse_json(json).value();
  const auto names = quern::AnswerFormat::names();
  const std::filesystem::path folder = argv[2];
  std::filesystem::create_directories(folder);
  std::map<std::string, std::string> longest;
  for (const auto& one : *golden.find("cases")->array()) {
    const std::string& text = *one.find("text")->string();
    std::string& kept = longest[*one.find("family")->string()];
    if (text.size() > kept.size()) kept = text;
  }
  for (const auto& [family, text] : longest) {
    const auto format = std::ranges::find(names, family) - names.begin();
    const std::string head = {static_cast<char>(format), 0, 2};
    std::ofstream(folder / family, std::ios::binary) << head << text;
  }
  return 0;
}
