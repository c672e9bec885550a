// quern-bench: how fast a whole model runs on this machine, as a share of what the machine has to give.
//
//   quern-bench -m tiny.gguf -p 512 -n 64 -d 0,4096 -t 1,2
//   quern-bench --synthetic 1b:Q4_K_M --report out.html
//   quern-bench -m tiny.gguf --versus path/of/llama-bench
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>

#include "bench/quern_bench/options.h"
#include "bench/quern_bench/output.h"
#include "bench/quern_bench/synthetic.h"
#include "bench/quern_bench/versus.h"
#include "examples/common/output_file.h"

namespace {

using namespace quern;
using namespace quern::bench;

// One line on standard error that is written over, where that is a terminal.
class Status {
 public:
  void show(const std::string& text) const {
    if (terminal_) std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  }
  ~Status() { show(""); }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
};

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

// The model under test, and where another program finds it.
struct Subject {
  std::optional<SyntheticModel> synthetic;
  std::string path;
  std::optional<Model> model;

  explicit Subject(const Options& options) : path(options.model) {
    if (!options.synthetic.empty()) {
      synthetic.emplace(SyntheticModel::create(options.synthetic).value());
      path = synthetic->path();
    }
    model.emplace(Model::open(path, options.open).value());
  }
};

// Ours and theirs in turn, each first in every other pair, so that a machine that grows slower favours
// neither.
Measured measure(const Subject& subject, const Row& row, const Options& options, const std::string& label,
                 const Status& status) {
  Measured measured{.row = row, .time = now(), .work = work_of(subject.path, *subject.model, row).value()};
  status.show(label + ": warming up");
  Runner runner = Runner::create(*subject.model, row).value();
  const bool versus = !options.versus.empty() && row.n_sequences == 1;
  for (int i = 0; i < options.repetitions; ++i) {
    status.show(label + ": " + std::to_string(i + 1) + " of " + std::to_string(options.repetitions));
    const auto ours = [&] { measured.seconds.push_back(runner.run().value()); };
    const auto theirs = [&] {
      if (versus)
        measured.versus_rates.push_back(run_other_engine(options.versus, subject.path, row).value());
    };
    if (i % 2 == 0) ours();
    theirs();
    if (i % 2 == 1) ours();
  }
  return measured;
}

const Ceilings& ceilings_for(int threads, std::uint64_t read_bytes, const std::string& isa,
                             std::vector<Ceilings>& known) {
  const auto found = std::ranges::find(known, threads, &Ceilings::threads);
  if (found != known.end()) return *found;
  return known.emplace_back(measure_ceilings(threads, read_bytes, isa));
}

void run(const Options& options) {
  if (options.model.empty() && options.synthetic.empty())
    throw examples::UsageError("--model or --synthetic is required");
  const std::vector<Row> rows = options.rows();
  std::optional<examples::OutputFile> report;  // opened now: an hour's work is not to fail at its end
  if (!options.report.empty()) report.emplace(options.report);
  const Status status;
  status.show("opening the model");
  const Subject subject(options);
  Results results{.model = options.synthetic.empty() ? options.model : options.synthetic,
                  .info = subject.model->info(),
                  .machine = describe_machine(subject.model->info().isa),
                  .versus = std::filesystem::path(options.versus).filename().string()};

  // The ceiling of reading is that of as many bytes as a token needs: small models live in the cache.
  constexpr std::uint64_t least_read = 16u << 20, most_read = 1u << 30;
  const std::uint64_t read_bytes = std::clamp(
      Model::plan(subject.path, {.n_ctx = 64}).value().bytes_read_per_token, least_read, most_read);
  std::vector<Ceilings> known;
  for (const Row& row : rows) {
    status.show("measuring the machine");
    const Ceilings& ceilings = ceilings_for(row.n_threads, read_bytes, results.machine.isa, known);
    const std::string label =
        "[" + std::to_string(results.rows.size() + 1) + "/" + std::to_string(rows.size()) + "] " + row.name();
    results.rows.push_back(measure(subject, row, options, label, status));
    results.rows.back().ceilings = ceilings;
  }
  status.show("");
  examples::write_out(options.json ? json(results) : table(results));
  if (!report) return;
  report->write(page(results));
  report->close();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return options.run(argc, argv, [&] {
    run(options);
    return 0;
  });
}
