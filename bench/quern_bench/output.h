#pragma once
// Results as a table, as JSON and as a page.
#include <string>
#include <vector>

#include "bench/quern_bench/machine.h"
#include "bench/quern_bench/measure.h"

namespace quern::bench {

struct Results {
  std::string model{};  ///< as it was asked for: a path, or SHAPE:TYPE
  ModelInfo info{};
  Machine machine{};
  std::string versus{};  ///< name of the other program, without folders; or empty
  std::vector<Measured> rows{};

  std::string model_name() const;  ///< without folders
};

std::string table(const Results& results);
/// An array with an object for each row, whose common keys are llama-bench's.
std::string json(const Results& results);
/// One self-contained HTML page.
std::string page(const Results& results);

// What the table and the page share.
std::string fixed(double value, int digits);
std::string with_deviation(const std::vector<double>& values);  ///< "59.21 ± 0.40"
std::string describe(
    const ModelInfo& info);  ///< "llama, Q4_K 80%, Q6_K 20%, 1.24 billion parameters, 646 MiB"
std::string describe(const Machine& machine);
std::string describe(const Ceilings& ceilings);
std::vector<std::string> result_heads();
std::vector<std::string> result_cells(const Measured& measured);
/// The ceilings of each number of threads once, in the order of the rows.
std::vector<Ceilings> ceilings_of(const std::vector<Measured>& rows);

}  // namespace quern::bench
