// The pieces of a report's page: numbers, tables and figures as HTML. Text that comes in is
// escaped here, once; what goes out is markup.
//
// Labels and values of bars are text of the page, which wraps, can be selected and is read out;
// only the bars are drawn. Lines are drawn in one picture with a title and a description.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reprise::lab {

/// 1234567.8 as "1,234,567.8".
std::string shown(double value, int decimals = 0);
/// The same with so many decimals as four figures need, at most three.
std::string shown_short(double value);

struct ReportTable {
  std::string caption;
  std::vector<std::string> columns;  ///< the first is that of the rows' names
  std::vector<std::vector<std::string>> rows;
};
std::string table_html(const ReportTable& table);

struct FigureText {
  std::string title;
  std::string description;  ///< what is seen, in a sentence
};

struct BarRow {
  std::string label;
  std::string value_text;
  double value = 0;
};
std::string bars_html(const FigureText& text, const std::vector<BarRow>& rows);

/// Parts beside each other, in one scale over all rows.
struct StackRow {
  std::string label;
  std::string value_text;
  std::vector<double> parts;
};
std::string stacks_html(const FigureText& text, const std::vector<std::string>& part_names,
                        const std::vector<StackRow>& rows);

/// From where the row above ends to where this one does; a total goes from 0.
struct StepRow {
  std::string label;
  std::string value_text;
  double from = 0;
  double to = 0;
  bool is_total = false;
};
std::string steps_html(const FigureText& text, const std::vector<StepRow>& rows);

struct LineSeries {
  std::string name;
  std::vector<double> values;     ///< at the figure's xs; not finite: there is none
  std::vector<double> most = {};  ///< shaded up to here; may be empty
};
struct LineFigure {
  FigureText text;
  std::string x_name;
  double x_least = 0;
  double x_most = 1;
  std::vector<double> xs;  ///< ascending, within these
  std::vector<LineSeries> lines;
  bool has_dots = false;  ///< few points, each of them counts
};
/// `id` names the picture on its page.
std::string lines_html(const LineFigure& figure, const std::string& id);

/// Markup that is shown when it is asked for.
std::string details_html(std::string_view summary, const std::string& markup);
/// A paragraph.
std::string note_html(std::string_view text, std::string_view kind = "note");

}  // namespace reprise::lab
