#include "common/program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>

namespace examples {
namespace {

const std::vector<std::string> kv_names = {"f16", "f32", "bf16", "q8_0"};
constexpr std::array kv_types = {quern::KvType::f16, quern::KvType::f32, quern::KvType::bf16,
                                 quern::KvType::q8_0};

std::size_t index_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

template <typename Number>
CLI::Validator number(const char* kind, Number min, Number max) {
  std::ostringstream allowed;
  allowed << kind;
  if (max < std::numeric_limits<Number>::max())
    allowed << " from " << min << " to " << max;
  else
    allowed << " of " << min << " or more";
  const auto check = [=, text = allowed.str()](const std::string& argument) {
    Number value{};
    const char* end = argument.data() + argument.size();
    const auto parsed = std::from_chars(argument.data(), end, value);
    const bool good = parsed.ec == std::errc() && parsed.ptr == end && value >= min && value <= max;
    return good ? std::string() : "'" + argument + "' is not " + text;
  };
  return CLI::Validator(check, "");
}

std::string one_line(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  return message;
}

}  // namespace

CLI::Validator whole_number(std::int64_t min, std::int64_t max) { return number("a whole number", min, max); }
CLI::Validator real_number(double min, double max) { return number("a number", min, max); }

CLI::Validator one_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  const auto check = [=](const std::string& argument) {
    const bool good = index_of(names, argument) < names.size();
    return good ? std::string() : "'" + argument + "' is none of " + list;
  };
  return CLI::Validator(check, "");
}

CLI::Option* add_token_ids(CLI::App& app, const std::string& name, std::vector<quern::Token>& ids,
                           const std::string& description) {
  return app.add_option(name, ids, description)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(whole_number(0, std::numeric_limits<quern::Token>::max()))
      ->type_name("ID,...");
}

Program::Program(const std::string& name, const std::string& description, Input input, Output output)
    : app_(description, name), name_(name) {
  if (input != Input::other)
    app_.add_option("-m,--model", model, "GGUF file (of a split model the first part)")
        ->required(input == Input::model)
        ->type_name("FILE");
  if (output == Output::text_or_json) app_.add_flag("--json", json, "Print JSON instead of text");
  app_.set_version_flag("--version", name + " " QUERN_VERSION_STRING);
  app_.get_formatter()->column_width(34);
}

void Program::add_compute_options() {
  app_.add_option("-t,--threads", session.threads,
                  "Threads to compute with; 0: as many as there are cores to use")
      ->check(whole_number(0, 1024))
      ->type_name("N");
  add_isa_option();
}

void Program::add_isa_option() {
  const auto available = quern::available_isas();
  std::vector<std::string> isas(available.begin(), available.end());
  if (isas.back() != "generic") isas.emplace_back("generic");
  app_.add_option("--isa", open.isa, "Instruction set to compute with; the best is " + isas.front())
      ->check(one_of(isas))
      ->type_name("NAME");
}

void Program::add_session_options() {
  app_.add_option("--n-ctx", session.n_ctx,
                  "Context length in tokens (default: what the model was trained for)")
      ->check(whole_number(0, std::numeric_limits<int>::max()))
      ->type_name("N");
  app_.add_option_function<std::string>(
          "--kv",
          [this](const std::string& name) { session.kv_type = kv_types.at(index_of(kv_names, name)); },
          "Type of the keys and values: f16 (default), f32, bf16, q8_0")
      ->check(one_of(kv_names))
      ->type_name("TYPE");
}

int Program::run(int argc, char** argv, const std::function<int()>& body) {
  try {
    app_.parse(argc, argv);
    const int status = body();
    flush_out();
    return status;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_.exit(error);  // --help and --version
    std::cerr << name_ << ": " << one_line(error.what()) << " (--help shows the usage)\n";
    return 2;
  } catch (const UsageError& error) {
    std::cerr << name_ << ": " << one_line(error.what()) << " (--help shows the usage)\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << name_ << ": " << one_line(error.what()) << "\n";
    return 1;
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
