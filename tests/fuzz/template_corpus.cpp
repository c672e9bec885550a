// Writes the small templates of the golden file as inputs of template_fuzz.cpp: those of a group that render,
// one after another.
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "src/base/json.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_template_corpus small-templates.json FOLDER\n";
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  const auto groups = quern::detail::parse_json(json).value();
  const std::filesystem::path folder = argv[2];
  std::filesystem::create_directories(folder);
  for (const auto& group : *groups.object()) {
    std::string name = group.key, all;
    std::erase(name, ',');
    for (char& c : name) c = c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const auto& one : *group.value.array())
      if ((*one.array())[1].string() != nullptr) all += *(*one.array())[0].string() + "\n";
    if (!all.empty()) std::ofstream(folder / name, std::ios::binary) << all;
  }
  std::ofstream(folder / "variables", std::ios::binary)
      << "{{ x.a[1:] ~ x | tojson }}" << '\0' << R"({"x": {"a": "h\u00e9", "b": [1e400]}})";
  return 0;
}
