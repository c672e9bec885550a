#include "bench/quern_bench/roofline.h"

#include <algorithm>
#include <cmath>

#include "bench/quern_bench/output.h"
#include "formats/try.h"

namespace quern::bench {

using formats::cat;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

namespace {

constexpr double width = 900, height = 520;
constexpr double left = 70, right = 870, top = 40, bottom = 460;
constexpr double font = 13, line_height = 16, char_width = 7;  // of a label, pixels; nothing is measured

constexpr const char* style = R"(<style>
text { font: 13px system-ui, sans-serif; fill: #333 } .axis { fill: #666 } .title { font-weight: 600 }
.grid { stroke: #e8e8e8 } .roof { fill: none; stroke: #2b5d8a; stroke-width: 2.5 } .roof-label { fill: #2b5d8a }
.fp32 { stroke: #2b5d8a; stroke-width: 1.5; stroke-dasharray: 6 4 } .drop { stroke: #c0562b; stroke-dasharray: 2 3 }
.point { fill: #c0562b; stroke: #fff; stroke-width: 1.5 } .point-label { fill: #8f3a17; font-weight: 600 }
.halo { stroke: #fff; stroke-width: 4; stroke-linejoin: round; paint-order: stroke }
</style>
)";

double intensity(const Measured& m) { return m.work.operations() / m.work.bytes; }  // operations a byte
// GOP/s that the ceilings allow at some operations a byte.
double roof(const Ceilings& c, double x) { return std::min(c.int8_gops, x * c.read_gbps); }

struct Label {
  double x = 0, y = 0;  ///< left end of the base line
  std::string text;
  const char* kind = "";

  double end() const { return x + char_width * static_cast<double>(text.size()); }
  bool meets(const Label& other) const {
    return x < other.end() && other.x < end() && std::abs(y - other.y) < line_height;
  }
};

// Both axes are logarithmic and end at powers of two.
class Picture {
 public:
  Picture(double x_low, double x_high, double y_low, double y_high)
      : x_min_(std::floor(std::log2(x_low))),
        x_max_(std::ceil(std::log2(x_high))),
        y_min_(std::floor(std::log2(y_low))),
        y_max_(std::ceil(std::log2(y_high))) {}

  double x(double v) const { return left + (std::log2(v) - x_min_) / (x_max_ - x_min_) * (right - left); }
  double y(double v) const { return bottom - (std::log2(v) - y_min_) / (y_max_ - y_min_) * (bottom - top); }
  double first_x() const { return std::exp2(x_min_); }
  double last_x() const { return std::exp2(x_max_); }
  double first_y() const { return std::exp2(y_min_); }

  void line(const char* kind, double x1, double y1, double x2, double y2) {
    svg_ += cat("<path class=\"", kind, "\" d=\"M", fixed(x1, 1), " ", fixed(y1, 1), "L", fixed(x2, 1), " ",
                fixed(y2, 1), "\"/>\n");
  }
  void text(const char* kind, const char* anchor, double x, double y, const std::string& text) {
    svg_ += cat("<text class=\"", kind, "\" text-anchor=\"", anchor, "\" x=\"", fixed(x, 1), "\" y=\"",
                fixed(y, 1), "\">", escaped(text), "</text>\n");
  }
  void point(double x, double y, const std::string& title) {
    svg_ += cat("<circle class=\"point\" cx=\"", fixed(x, 1), "\" cy=\"", fixed(y, 1), "\" r=\"6\"><title>",
                escaped(title), "</title></circle>\n");
  }
  // Where it meets no label that came before: as near to the wanted place as lines below and above it are.
  void label(Label wanted) {
    wanted.x = std::min(wanted.x, right - (wanted.end() - wanted.x));
    Label best = wanted;
    for (int i = 0; i < 40; ++i) {
      best.y = wanted.y + (i % 2 == 0 ? 1 : -1) * ((i + 1) / 2) * line_height;
      const auto met = std::ranges::any_of(labels_, [&](const Label& other) { return best.meets(other); });
      if (!met && best.y > top + font && best.y < bottom - 4) break;
    }
    labels_.push_back(best);
  }

  void axes() {
    for (double e = x_min_; e <= x_max_; ++e) {
      line("grid", x(std::exp2(e)), top, x(std::exp2(e)), bottom);
      text("axis", "middle", x(std::exp2(e)), bottom + 20, power_of_two(e));
    }
    for (double e = y_min_; e <= y_max_; ++e) {
      line("grid", left, y(std::exp2(e)), right, y(std::exp2(e)));
      text("axis", "end", left - 8, y(std::exp2(e)) + 4, power_of_two(e));
    }
    text("title", "middle", (left + right) / 2, bottom + 44, "operations per byte read");
    text("title", "start", left - 40, top - 16, "GOP/s");
  }

  std::string finished() {
    for (const Label& l : labels_) text(l.kind, "start", l.x, l.y, l.text);
    return cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ", height,
               "\" role=\"img\" aria-label=\"Roofline\">\n", style, svg_, "</svg>\n");
  }

 private:
  static std::string power_of_two(double e) {
    return e >= 0 ? fixed(std::exp2(e), 0) : "1/" + fixed(std::exp2(-e), 0);
  }

  double x_min_, x_max_, y_min_, y_max_;  // exponents
  std::string svg_;
  std::vector<Label> labels_;
};

void draw_roof(Picture& picture, const Ceilings& c) {
  const double slope_x = std::max(picture.first_x(), picture.first_y() / c.read_gbps);
  const double ridge = c.int8_gops / c.read_gbps, fp32_x = c.fp32_gops / c.read_gbps;
  const double end = picture.x(picture.last_x()), roof_y = picture.y(c.int8_gops),
               fp32_y = picture.y(c.fp32_gops);
  picture.line("roof", picture.x(slope_x), picture.y(roof(c, slope_x)), picture.x(ridge), roof_y);
  picture.line("roof", picture.x(ridge), roof_y, end, roof_y);
  picture.line("fp32", picture.x(fp32_x), fp32_y, end, fp32_y);
  const std::string threads = cat(c.threads, c.threads == 1 ? " thread" : " threads");
  const auto label = [&](double x, double y, const std::string& text) {
    picture.label({.x = x, .y = y, .text = text, .kind = "halo roof-label"});
  };
  label(right, roof_y - 8, cat("int8, ", threads, ": ", fixed(c.int8_gops, 0), " GOP/s"));
  label(right, fp32_y - 8, cat("fp32, ", threads, ": ", fixed(c.fp32_gops, 0), " GOP/s"));
  const double middle = std::sqrt(slope_x * ridge);
  const std::string read = cat("reading, ", threads, ": ", fixed(c.read_gbps, 1), " GB/s");
  label(std::max(left + 6, picture.x(middle) - char_width * static_cast<double>(read.size()) - 14),
        picture.y(roof(c, middle)) - 6, read);
}

}  // namespace

std::string roofline(const std::vector<Measured>& rows) {
  double x_low = 1, x_high = 1, y_low = 1e9, y_high = 0;
  for (const Measured& m : rows) {
    const double ridge = m.ceilings.int8_gops / m.ceilings.read_gbps;
    x_low = std::min(x_low, intensity(m) / 2);
    x_high = std::max({x_high, 2 * intensity(m), 8 * ridge});
    y_low = std::min({y_low, m.gops() / 2});
    y_high = std::max({y_high, m.gops(), 1.5 * m.ceilings.int8_gops});
  }
  Picture picture(x_low, x_high, y_low, y_high);
  picture.axes();
  for (const Ceilings& ceilings : ceilings_of(rows)) draw_roof(picture, ceilings);
  for (const Measured& m : rows) {
    const double x = picture.x(intensity(m)), y = picture.y(m.gops());
    picture.line("drop", x, y, x, picture.y(roof(m.ceilings, intensity(m))));
    std::string name = m.row.name();
    if (ceilings_of(rows).size() > 1) name += cat(", t", m.row.n_threads);
    picture.point(
        x, y, cat(name, ": ", fixed(m.gops(), 1), " GOP/s, ", fixed(100 * m.share(), 0), "% of the ceiling"));
    picture.label({.x = x + 11, .y = y + 5, .text = name, .kind = "halo point-label"});
  }
  return picture.finished();
}

}  // namespace quern::bench
