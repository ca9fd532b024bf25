// The style sheet of an HTML report.
#ifndef CLIENT_LOAD_HTML_STYLE_H_
#define CLIENT_LOAD_HTML_STYLE_H_

namespace attention::load {

// Blue and vermilion are told apart by all eyes. Each colour of text has a
// contrast of at least 4.5 with what is behind it, each line of a chart 3.
inline constexpr char kHtmlStyle[] = R"css(
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #1a2129; --soft: #56616d;
  --rule: #dfe3e8; --first: #0069a8; --second: #c34a00; --third: #6b4fa0;
  --quiet: #7b8590; --good: #0b6b46; --bad: #b3261e; --tint: #eaf3fa;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1b2127; --ink: #e8ecf0; --soft: #a3aeb9;
    --rule: #323a43; --first: #5cb3ee; --second: #f2954f; --third: #b79df0;
    --quiet: #84909c; --good: #5fd0a0; --bad: #ff9b92; --tint: #1d2f3d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
    sans-serif;
}
main, header { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
main { padding-bottom: 48px; }
.kicker { margin: 0; color: var(--soft); font-size: 14px; }
h1 {
  margin: 4px 0 8px; font-size: 34px; line-height: 1.2; font-weight: 650;
  letter-spacing: -0.01em; overflow-wrap: anywhere;
}
h2 { margin: 40px 0 12px; font-size: 21px; font-weight: 650; }
h3 { margin: 0 0 6px; font-size: 16px; font-weight: 650; }
.lead { margin: 0 0 16px; color: var(--soft); overflow-wrap: anywhere; }
.objectives {
  display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 24px; padding: 0;
  list-style: none;
}
.objectives li {
  padding: 4px 12px; border: 1px solid; border-radius: 99px; font-size: 14px;
  font-weight: 600;
}
.held { color: var(--good); }
.missed, .invalid h2, .bad { color: var(--bad); }
.invalid, .limited {
  margin: 0 0 24px; padding: 16px 20px; background: var(--card);
  border: 2px solid var(--bad); border-radius: 10px;
}
.limited { border-color: var(--rule); }
.invalid h2, .limited h2 { margin: 0 0 6px; }
.invalid ul, .limited ul {
  margin: 0; padding-left: 20px; overflow-wrap: anywhere;
}
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  gap: 16px; margin: 0;
}
.tiles div, .card {
  min-width: 0; padding: 16px 20px; background: var(--card);
  border: 1px solid var(--rule); border-radius: 10px;
}
.tiles dt { color: var(--soft); font-size: 14px; }
.tiles dd { margin: 0; font-size: 29px; font-weight: 650; line-height: 1.25; }
.tiles dd, td, th { font-variant-numeric: tabular-nums; }
.tiles .note { color: var(--soft); font-size: 14px; font-weight: 400; }
.grid {
  display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px;
}
.card { margin: 0; }
.card p { margin: 10px 0 0; font-size: 14px; overflow-wrap: anywhere; }
.stack { display: grid; gap: 16px; margin-top: 16px; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--first); }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
caption {
  padding-bottom: 6px; text-align: left; font-size: 16px; font-weight: 650;
}
th, td {
  padding: 7px 0 7px 16px; border-bottom: 1px solid var(--rule);
  text-align: right; white-space: nowrap;
}
tbody tr:last-child > * { border-bottom: 0; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
thead th {
  color: var(--soft); font-weight: 600; white-space: normal;
  vertical-align: bottom;
}
tbody th { font-weight: 500; }
.marked > * { background: var(--tint); font-weight: 650; }
.marked > :first-child { box-shadow: inset 3px 0 var(--first); }
.marked > th:first-child { padding-left: 10px; }
.prose td { white-space: normal; text-align: left; overflow-wrap: anywhere; }
.prose th { vertical-align: top; white-space: normal; text-align: left; }
.prose td { padding-left: 24px; }
.legend {
  display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 8px; padding: 0;
  list-style: none; color: var(--soft); font-size: 14px;
}
.legend svg { vertical-align: 0; }
.chart { display: block; width: 100%; height: auto; overflow: visible; }
.chart text {
  fill: var(--soft); font-size: 12px; stroke: var(--card); stroke-width: 4px;
  stroke-linejoin: round; paint-order: stroke;
}
.chart text.mark, .chart text.row { fill: var(--ink); font-weight: 600; }
line.grid { stroke: var(--rule); }
line.axis { stroke: var(--quiet); }
line.mark { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 2 3; }
.line { fill: none; stroke: currentColor; stroke-width: 2.25;
  stroke-linejoin: round; }
.dot { fill: currentColor; stroke: var(--card); stroke-width: 1; }
.interval { fill: none; stroke: currentColor; stroke-width: 2.5; }
.mean { fill: currentColor; }
g.first { color: var(--first); }
g.second { color: var(--second); }
g.second .line { stroke-dasharray: 8 4; }
g.third { color: var(--third); }
g.third .line { stroke-dasharray: 3 3; }
g.quiet { color: var(--quiet); }
g.quiet .line { stroke-width: 1.5; stroke-dasharray: 5 5; }
@media (max-width: 860px) {
  .grid { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 560px) {
  main, header { padding-left: 14px; padding-right: 14px; }
  header { padding-top: 24px; }
  h1 { font-size: 26px; }
  .card, .tiles div { padding: 14px; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
  .tiles dd { font-size: 23px; }
  .chart text { font-size: 17px; }
}
@media print {
  body { background: none; }
  .card, .tiles div { break-inside: avoid; }
}
)css";

}  // namespace attention::load

#endif  // CLIENT_LOAD_HTML_STYLE_H_
