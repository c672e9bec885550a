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
constexpr double line_height = 16,
                 char_width = 8;  // of a label, pixels; an estimate, as nothing is measured
constexpr double point_radius = 6;

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

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  bool meets(const Box& b) const {
    return left < b.right && b.left < right && top < b.bottom && b.top < bottom;
  }
  bool within(const Box& b) const {
    return left >= b.left && right <= b.right && top >= b.top && bottom <= b.bottom;
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
  // Along a line that rises by `slope` pixels a pixel, over its point at x, y. It keeps labels away with a
  // chain of small boxes.
  void slope_label(double x, double y, double slope, const std::string& label) {
    constexpr double radians_to_degrees = 57.29578, above = 8;
    const double angle = std::atan(-slope), cosine = std::cos(angle), sine = std::sin(angle);
    const double cx = x + above * sine, cy = y - above * cosine;
    svg_ += cat("<text class=\"halo roof-label\" text-anchor=\"middle\" transform=\"translate(", fixed(cx, 1),
                " ", fixed(cy, 1), ") rotate(", fixed(angle * radians_to_degrees, 1), ")\">", escaped(label),
                "</text>\n");
    for (double along = -label_width(label) / 2; along < label_width(label) / 2; along += line_height)
      taken_.push_back(around(cx + along * cosine, cy + along * sine, line_height / 2));
  }
  // A line that labels of roofs do not stand on.
  void roof_line(const char* kind, double x1, double y1, double x2, double y2) {
    line(kind, x1, y1, x2, y2);
    constexpr double reach = 2;
    const double length = std::hypot(x2 - x1, y2 - y1);
    for (double along = 0; along < length; along += reach)
      lines_.push_back(around(x1 + (x2 - x1) * along / length, y1 + (y2 - y1) * along / length, reach));
  }
  void point(double x, double y, const std::string& title) {
    svg_ += cat("<circle class=\"point\" cx=\"", fixed(x, 1), "\" cy=\"", fixed(y, 1), "\" r=\"",
                point_radius, "\"><title>", escaped(title), "</title></circle>\n");
    taken_.push_back(around(x, y, point_radius));
  }
  // Along a flat line from x to the right end, above it or below, where no other line of a roof is if there
  // is such a place. A text that keeps others away.
  void roof_label(double x, double y, const std::string& label) {
    const double length = label_width(label), gap = 11;
    const auto box_at = [&](double begin, double middle) {
      return Box{begin, middle - line_height / 2, begin + length, middle + line_height / 2};
    };
    const auto is_free = [&](const Box& box) {
      const auto meets = [&](const Box& other) { return box.meets(other); };
      return std::ranges::none_of(lines_, meets) && std::ranges::none_of(taken_, meets);
    };
    Box best = box_at(x, y - gap);
    for (double begin = x; !is_free(best) && begin + length <= right; begin += line_height)
      for (const double middle : {y + gap, y - gap})
        if (const Box box = box_at(begin, middle); is_free(box)) best = box;
    text("halo roof-label", "start", best.left, (best.top + best.bottom) / 2 + 5, label);
    taken_.push_back(best);
  }
  // To the right of a point or to its left, or else as few lines below or above as keep it clear of all that
  // is there.
  void point_label(double x, double y, const std::string& label) {
    const double gap = point_radius + 4;
    const Box plot{left, top, right, bottom};
    for (int i = 0; i < 60; ++i) {
      const double middle = y + (i % 4 < 2 ? 1 : -1) * ((i + 2) / 4) * line_height;
      const bool before = i % 2 == 1;
      const double begin = before ? x - gap - label_width(label) : x + gap;
      const Box box{begin, middle - line_height / 2, begin + label_width(label), middle + line_height / 2};
      if (!box.within(plot) || std::ranges::any_of(taken_, [&](const Box& b) { return box.meets(b); }))
        continue;
      taken_.push_back(box);
      return text("halo point-label", before ? "end" : "start", before ? x - gap : x + gap, middle + 5,
                  label);
    }
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

  std::string finished() const {
    return cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ", height,
               "\" role=\"img\" aria-label=\"Roofline\">\n", style, svg_, "</svg>\n");
  }

 private:
  static Box around(double x, double y, double reach) { return {x - reach, y - reach, x + reach, y + reach}; }
  static double label_width(const std::string& label) {
    return char_width * static_cast<double>(label.size());
  }
  static std::string power_of_two(double e) {
    return e >= 0 ? fixed(std::exp2(e), 0) : "1/" + fixed(std::exp2(-e), 0);
  }

  double x_min_, x_max_, y_min_, y_max_;  // exponents
  std::string svg_;
  std::vector<Box> taken_;  ///< by points and labels
  std::vector<Box> lines_;  ///< of the roofs
};

// What the machine gave with one number of threads.
class Roof {
 public:
  Roof(const Picture& picture, const Ceilings& c)
      : ceilings_(c),
        slope_x_(picture.x(first_x(picture, c))),
        slope_y_(picture.y(roof(c, first_x(picture, c)))),
        ridge_x_(picture.x(c.int8_gops / c.read_gbps)),
        int8_y_(picture.y(c.int8_gops)),
        fp32_x_(picture.x(c.fp32_gops / c.read_gbps)),
        fp32_y_(picture.y(c.fp32_gops)) {}

  void draw_lines(Picture& picture) const {
    const double end = picture.x(picture.last_x());
    picture.roof_line("roof", slope_x_, slope_y_, ridge_x_, int8_y_);
    picture.roof_line("roof", ridge_x_, int8_y_, end, int8_y_);
    picture.roof_line("fp32", fp32_x_, fp32_y_, end, fp32_y_);
  }
  void draw_labels(Picture& picture) const {
    const Ceilings& c = ceilings_;
    const std::string threads = cat(c.threads, c.threads == 1 ? " thread: " : " threads: ");
    constexpr double at = 0.4;  // of the slope, where nothing crosses it yet
    picture.slope_label(slope_x_ + at * (ridge_x_ - slope_x_), slope_y_ + at * (int8_y_ - slope_y_),
                        (slope_y_ - int8_y_) / (ridge_x_ - slope_x_),
                        cat("reading, ", threads, fixed(c.read_gbps, 1), " GB/s"));
    constexpr double gap = 10;
    picture.roof_label(ridge_x_ + gap, int8_y_, cat("int8, ", threads, fixed(c.int8_gops, 0), " GOP/s"));
    picture.roof_label(fp32_x_ + gap, fp32_y_, cat("fp32, ", threads, fixed(c.fp32_gops, 0), " GOP/s"));
  }

 private:
  static double first_x(const Picture& picture, const Ceilings& c) {
    return std::max(picture.first_x(), picture.first_y() / c.read_gbps);
  }
  Ceilings ceilings_;
  double slope_x_, slope_y_, ridge_x_, int8_y_, fp32_x_, fp32_y_;
};

}  // namespace

std::string roofline(const std::vector<Measured>& rows) {
  double x_low = 1, x_high = 1, y_low = 1e9, y_high = 0;
  for (const Measured& m : rows) {
    const double ridge = m.ceilings.int8_gops / m.ceilings.read_gbps;
    x_low = std::min(x_low, intensity(m) / 2);
    x_high = std::max({x_high, 2 * intensity(m), 8 * ridge});
    y_low = std::min(y_low, m.gops() / 2);
    y_high = std::max({y_high, m.gops(), 1.5 * m.ceilings.int8_gops});
  }
  Picture picture(x_low, x_high, y_low, y_high);
  picture.axes();
  for (const Measured& m : rows)
    picture.line("drop", picture.x(intensity(m)), picture.y(m.gops()), picture.x(intensity(m)),
                 picture.y(roof(m.ceilings, intensity(m))));
  const std::vector<Ceilings> all = ceilings_of(rows);
  std::vector<Roof> roofs;
  for (const Ceilings& ceilings : all) roofs.emplace_back(picture, ceilings).draw_lines(picture);
  for (const Roof& one : roofs) one.draw_labels(picture);
  const auto name = [&](const Measured& m) {
    return all.size() == 1 ? m.row.name() : cat(m.row.name(), ", t", m.row.n_threads);
  };
  for (const Measured& m : rows)
    picture.point(
        picture.x(intensity(m)), picture.y(m.gops()),
        cat(name(m), ": ", fixed(m.gops(), 1), " GOP/s, ", fixed(100 * m.share(), 0), "% of the ceiling"));
  for (const Measured& m : rows) picture.point_label(picture.x(intensity(m)), picture.y(m.gops()), name(m));
  return picture.finished();
}

}  // namespace quern::bench
