#include "reprise/lab/report_style.hpp"

namespace reprise::lab {

// Light and dark by the reader's own setting; on paper always light. Lines differ by their dashes
// too, not by colour alone.
const std::string_view kReportStyle = R"css(
:root{--paper:#fff;--ink:#1b1f24;--soft:#59626d;--rule:#d8dde3;--shade:#f4f6f8;--alert:#9c2f00;
--c0:#0072b2;--c1:#56b4e9;--c2:#7a5fd0;--c3:#009e73;--c4:#d55e00;--c5:#e69f00;--c6:#cc79a7;
--c7:#666}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e8ebef;--soft:#a3adb8;
--rule:#363d46;--shade:#1e2329;--alert:#ff9d6b;--c0:#4fa3dc;--c1:#8fd0f5;--c2:#ab97f0;--c3:#2fc79a;
--c4:#f0843a;--c5:#f2bb4a;--c6:#e0a3c6;--c7:#9aa3ad}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1rem;max-width:76rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:.4rem 0}
h2{font-size:1.25rem;margin:2.4rem 0 .6rem;padding-top:.8rem;border-top:2px solid var(--rule)}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p{margin:.5rem 0;max-width:48rem}
nav ul{padding-left:1.2rem;margin:.4rem 0}
a{color:var(--c0)}
.soft,figcaption{color:var(--soft);font-size:.9rem}
figcaption strong{color:var(--ink);font-size:1rem}
.sentence{font-size:1.1rem;border-left:4px solid var(--c0);padding-left:.8rem}
.alert{color:var(--alert);font-weight:600}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));
gap:1.4rem 2rem}
.figures figure{margin:0}
figure{margin:1rem 0;min-width:0}
.row{display:flex;justify-content:space-between;gap:1rem;margin-top:.5rem;font-size:.9rem}
.row b{font-weight:600;white-space:nowrap;font-variant-numeric:tabular-nums}
svg{display:block}
.bar{background:var(--shade);border-radius:2px}
.plot{overflow:visible;margin-top:.3rem}
.plot text{fill:var(--soft);font-size:12px;paint-order:stroke;stroke:var(--paper);
stroke-width:4px;stroke-linejoin:round;font-variant-numeric:tabular-nums}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.4rem 0;padding:0;
font-size:.85rem}
.legend li{display:flex;align-items:center;gap:.4rem}
.c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}
.c4{fill:var(--c4)}.c5{fill:var(--c5)}.c6{fill:var(--c6)}.c7{fill:var(--c7)}
.d0{fill:var(--c0)}.d1{fill:var(--c4)}.d2{fill:var(--c3)}.d3{fill:var(--c2)}
.d4{fill:var(--c5)}.d5{fill:var(--c6)}.d6{fill:var(--c1)}.d7{fill:var(--c7)}
.band{fill-opacity:.18}
[class^="l"]:is(path,line){fill:none;stroke-width:2;vector-effect:non-scaling-stroke;
stroke-linejoin:round}
.l0{stroke:var(--c0)}.l1{stroke:var(--c4);stroke-dasharray:7 3}
.l2{stroke:var(--c3);stroke-dasharray:2 3}.l3{stroke:var(--c2);stroke-dasharray:9 3 2 3}
.l4{stroke:var(--c5)}.l5{stroke:var(--c6);stroke-dasharray:7 3}
.l6{stroke:var(--c1);stroke-dasharray:2 3}.l7{stroke:var(--c7);stroke-dasharray:9 3 2 3}
.scroll{overflow-x:auto;margin:.8rem 0}
.scroll:focus-visible{outline:2px solid var(--c0)}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--rule);text-align:right;
overflow-wrap:normal}
thead th{min-width:5.6rem;vertical-align:bottom;color:var(--soft);font-weight:600}
th:first-child{text-align:left;min-width:9rem;padding-left:0}
tbody th{font-weight:500}
td{white-space:nowrap}
td.text{white-space:normal;text-align:left;min-width:16rem}
details{margin:.5rem 0}
summary{cursor:pointer;color:var(--c0)}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb;--shade:#eee;--alert:#9c2f00;
--c0:#0072b2;--c1:#56b4e9;--c2:#7a5fd0;--c3:#009e73;--c4:#d55e00;--c5:#e69f00;--c6:#cc79a7;
--c7:#666}
html{color-scheme:light}
body{max-width:none;padding:0;font-size:10pt;print-color-adjust:exact;
-webkit-print-color-adjust:exact}
nav,details{display:none}
figure,tr{break-inside:avoid}
h2,h3,figcaption{break-after:avoid}
.figures{grid-template-columns:1fr 1fr}
.scroll{overflow:visible}
table{font-size:7.5pt}
th,td,td.text,thead th{padding:.15rem .3rem;min-width:0}}
)css";

}  // namespace reprise::lab
