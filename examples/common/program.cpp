#include "common/program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <limits>
#include <memory>

#include "common/interrupt.h"

namespace examples {
namespace {

const std::vector<std::string> kv_names = {"f16", "f32", "bf16", "q8_0"};
constexpr std::array kv_types = {quern::KvType::f16, quern::KvType::f32, quern::KvType::bf16,
                                 quern::KvType::q8_0};

std::size_t index_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::string one_line(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  return message;
}

}  // namespace

Program::Program(const std::string& name, const std::string& description, Input input, Output output)
    : Options(name, description), name_(name) {
  if (input != Input::other) {
    const Option file =
        add_option("-m,--model", model, "GGUF file (of a split model the first part)").type_name("FILE");
    if (input == Input::model) file.required();
  }
  if (output == Output::text_or_json) add_flag("--json", json, "Print JSON instead of text");
}

Option Program::add_token_ids(const std::string& names, std::vector<quern::Token>& ids,
                              const std::string& description) {
  return add_option(names, ids, description)
      .separated_by_commas()
      .check(whole_number(0, std::numeric_limits<quern::Token>::max()))
      .type_name("ID,...");
}

void Program::add_compute_options() {
  add_option("-t,--threads", session.threads, "Threads to compute with; 0: as many as there are cores to use")
      .check(whole_number(0, 1024))
      .type_name("N");
  add_isa_option();
}

void Program::add_isa_option() {
  const auto available = quern::available_isas();
  std::vector<std::string> isas(available.begin(), available.end());
  if (isas.back() != "generic") isas.emplace_back("generic");
  add_option("--isa", open.isa, "Instruction set to compute with; the best is " + isas.front())
      .check(one_of(isas))
      .type_name("NAME");
}

void Program::add_session_options(int most_by_default) {
  most_by_default_ = most_by_default;
  const std::string most = most_by_default == 0 ? "" : ", at most " + std::to_string(most_by_default);
  add_option("--n-ctx", session.n_ctx,
             "Context length in tokens (default: what the model was trained for" + most + ")")
      .check(whole_number(0, std::numeric_limits<int>::max()))
      .type_name("N");
  add_option("--kv", kv_, "Type of the keys and values: f16 (default), f32, bf16, q8_0")
      .check(one_of(kv_names))
      .type_name("TYPE");
}

quern::SessionOptions Program::session_for(const quern::Model& opened) const {
  quern::SessionOptions options = session;
  if (options.n_ctx == 0 && most_by_default_ != 0)
    options.n_ctx = std::min(opened.info().n_ctx_train, most_by_default_);
  return options;
}

int Program::run(int argc, char** argv, const std::function<int()>& body) {
  try {
    if (parse(argc, argv) == Parsed::exit) return 0;
    session.kv_type = kv_types.at(index_of(kv_names, kv_));
    const int status = body();
    flush_out();
    return status;
  } catch (const UsageError& error) {
    std::cerr << name_ << ": " << one_line(error.what()) << " (--help shows the usage)\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << name_ << ": " << one_line(error.what()) << "\n";
    return Interrupt::came() ? interrupted_status : 1;
  }
}

std::string read_file(const std::string& path) {
  const bool standard = path == "-";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      standard ? stdin : std::fopen(path.c_str(), "rb"),
      [](std::FILE* f) { return f == stdin ? 0 : std::fclose(f); });
  std::string bytes;
  if (file) {
    std::array<char, 1 << 16> buffer;
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get()))
      bytes.append(buffer.data(), n);
    if (!std::ferror(file.get())) return bytes;
  }
  throw std::runtime_error((standard ? "standard input" : path) + ": " + std::strerror(errno));
}

void write_out(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size())
    throw std::runtime_error(std::string("standard output: ") + std::strerror(errno));
}

void flush_out() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw std::runtime_error(std::string("standard output: ") + std::strerror(errno));
}

double per_second(int n, double ms) { return ms > 0 ? n / ms * 1000 : 0; }

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

}  // namespace examples
