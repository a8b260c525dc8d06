// A small SVG writer: shapes into a string, for pictures inside a page and as files.
//
// Coordinates are user units or shares of the picture's width and height, so that a picture without
// a view box fits any width while its text keeps its size. All text is escaped.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace reprise::lab {

/// `text` as the content or a quoted attribute of HTML and SVG; control characters become U+FFFD.
std::string escaped(std::string_view text);

/// Distinguishable in print and for colour-blind eyes (Okabe and Ito).
inline constexpr std::array<const char*, 9> kPalette{"#0072b2", "#56b4e9", "#7a5fd0",
                                                     "#009e73", "#d55e00", "#e69f00",
                                                     "#cc79a7", "#666666", "#000000"};

/// A length, or a place along an axis.
class Extent {
 public:
  Extent(double units) : value_(units) {}  // NOLINT(google-explicit-constructor): reads as a number
  static Extent percent(double percent) {
    Extent extent(percent);
    extent.unit_ = "%";
    return extent;
  }
  [[nodiscard]] std::string text() const;

 private:
  double value_;
  const char* unit_ = "";
};

struct SvgPoint {
  Extent x;
  Extent y;
};

/// Round numbers along an axis that begins at 0 or below: some five steps of 1, 2 or 5 times a
/// power of ten.
struct Scale {
  /// `most` and `least` are finite; what is shown lies between them.
  explicit Scale(double most, double least = 0);
  double step;
  double least;
  double most;
  /// 0 at `least`, 1 at `most`.
  [[nodiscard]] double share(double value) const { return (value - least) / (most - least); }
};

class Svg {
 public:
  /// `attributes` of the svg element, as they stand in it. Not escaped.
  explicit Svg(std::string_view attributes);

  /// A title, which is read out and shown on hovering, and a description. First of all.
  void describe(std::string_view title, std::string_view description, std::string_view id);
  void text(SvgPoint at, std::string_view words, const char* anchor, std::string_view style = {});
  void line(SvgPoint from, SvgPoint to, std::string_view style);
  void rectangle(SvgPoint corner, Extent width, Extent height, std::string_view style,
                 std::string_view title = {});
  void circle(SvgPoint centre, double radius, std::string_view style);
  /// Points in user units; closed where it is filled.
  void path(std::span<const std::array<double, 2>> points, bool is_closed, std::string_view style);
  /// Another picture within this one.
  void add(const Svg& inner) { body_ += inner.str(); }

  [[nodiscard]] std::string str() const { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

}  // namespace reprise::lab
