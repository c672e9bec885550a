#pragma once
// Another engine's benchmark program, run for one row at a time.
#include <string>

#include "bench/quern_bench/options.h"
#include "quern/result.h"

namespace quern::bench {

/// Runs `program` once on a model file for one repetition of a row, with llama-bench's options, and gives the
/// tokens a second that its JSON tells (`avg_ts`). Nothing goes through a shell. Errors: io (it cannot be
/// run, fails, or tells something else). Requires: row.n_sequences == 1, which is all that such programs
/// know.
Result<double> run_other_engine(const std::string& program, const std::string& model, const Row& row);

}  // namespace quern::bench
