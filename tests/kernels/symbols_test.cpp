// Every symbol of a kernel object lies in the namespace of its instruction set. Were it not so, the linker
// could keep, say, the AVX-512 copy of an inline function for the whole program, which would then die on
// older CPUs.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

namespace {

// Defined global and weak symbols of an object file, by `nm`.
std::set<std::string> defined_symbols(const std::filesystem::path& object) {
  std::set<std::string> names;
  const std::string command =
      "nm --extern-only --defined-only --format=posix '" + object.string() + "' 2>/dev/null";
  FILE* nm = popen(command.c_str(), "r");
  char line[4096];
  while (nm && std::fgets(line, sizeof line, nm))
    names.insert(std::string(line, std::string(line).find(' ')));
  if (nm) pclose(nm);
  return names;
}

TEST(KernelSymbols, LieInTheirNamespace) {
  const std::filesystem::path build(QUERN_BINARY_DIR);
  std::size_t n_objects = 0, n_symbols = 0;
  for (const auto& folder : std::filesystem::directory_iterator(build / "CMakeFiles")) {
    const std::string name = folder.path().filename().string(), prefix = "quern_kernels_";
    if (!name.starts_with(prefix) || name == "quern_kernels_plain.dir") continue;
    const std::string row = name.substr(prefix.size(), name.size() - prefix.size() - 4);
    // Itanium mangling of quern::kernels::<row>::...
    const std::string scope = "5quern7kernels" + std::to_string(row.size()) + row;
    for (const auto& object : std::filesystem::recursive_directory_iterator(folder)) {
      if (object.path().extension() != ".o") continue;
      ++n_objects;
      for (const std::string& symbol : defined_symbols(object.path())) {
        if (symbol.starts_with("_ZTI") || symbol.starts_with("_ZTS"))
          continue;  // of types: data, the same everywhere
        ++n_symbols;
        EXPECT_NE(symbol.find(scope), std::string::npos) << object.path() << " defines " << symbol;
      }
    }
  }
  EXPECT_GT(n_objects, 10u);
  EXPECT_GT(n_symbols, 20u);
}

}  // namespace
