#pragma once
// The command line of quern-bench, and the rows of results that it asks for.
#include <string>
#include <vector>

#include "examples/common/program.h"

namespace quern::bench {

/// One measurement: a prompt read (n_gen = 0) or tokens generated one by one (n_prompt = 0), behind n_depth
/// tokens, in each of n_sequences sessions at once.
struct Row {
  int n_prompt = 0, n_gen = 0, n_depth = 0;
  int n_threads = 1;
  int n_sequences = 1;

  int n_tokens() const { return n_prompt + n_gen; }  ///< of one session
  /// "pp512", "tg64 @ d4096 x 8".
  std::string name() const;
};

class Options : public examples::Program {
 public:
  Options();

  /// Every combination; prompts and generations of 0 tokens are left out. Throws examples::UsageError where
  /// that leaves nothing.
  std::vector<Row> rows() const;

  std::string synthetic;  ///< SHAPE:TYPE; empty: `model` is to be measured
  int repetitions = 5;
  std::string versus;  ///< program to compare with
  std::string report;  ///< HTML file to write

 private:
  void add_list(const char* names, std::vector<int>& values, std::uint64_t least, std::uint64_t most,
                const char* what);

  std::vector<int> prompts_{512}, gens_{64}, depths_{0}, threads_, sequences_{1};
};

}  // namespace quern::bench
