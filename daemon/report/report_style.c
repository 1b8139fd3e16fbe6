/* How a report looks: on a screen, light or dark, wide or narrow, and on paper. */
#include "daemon/report/report_page.h"

static const char rules[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:88rem;padding:1.2rem clamp(.9rem,3vw,2.5rem) 3rem;background:var(--ground);"
    "color:var(--text);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
    "h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.25rem;margin:2.2rem 0 .8rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}\n"
    "h3{font-size:1rem;margin:1.6rem 0 .4rem}\n"
    "p{margin:.5rem 0;max-width:75ch}header p{max-width:none}\n"
    ".quiet,figcaption p,nav{color:var(--quiet)}\n"
    "nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem}nav a{color:inherit}\n"
    ".state{display:inline-block;padding:.1rem .7rem;border-radius:1rem;font-weight:600;color:var(--ground);"
    "background:var(--quiet)}\n"
    ".done{background:var(--plot-2)}.running{background:var(--plot-0)}.failed{background:var(--plot-4)}"
    ".stopped{background:var(--plot-6)}\n"
    ".trouble{border-left:.25rem solid var(--plot-4);padding:.2rem 0 .2rem .8rem;overflow-wrap:anywhere}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.7rem;margin:1rem "
    "0}\n"
    ".tiles div{border:1px solid var(--line);border-radius:.5rem;background:var(--panel);padding:.5rem .8rem;"
    "break-inside:avoid}\n"
    ".tiles dt{font-size:.85rem;color:var(--quiet);overflow-wrap:anywhere}\n"
    ".tiles dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1rem}\n"
    "figure{margin:0;padding:.8rem;border:1px solid var(--line);border-radius:.5rem;background:var(--panel);"
    "break-inside:avoid;min-width:0}\n"
    "figure h3{margin:0 0 .3rem;overflow-wrap:anywhere}\n"
    "figure svg{display:block;width:100%;height:auto}\n"
    "figcaption p{font-size:.85rem;line-height:1.4;margin:.4rem 0 0}\n"
    ".keys{display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:.2rem 0 0;padding:0;list-style:none;"
    "font-size:.85rem}\n"
    ".keys li{overflow-wrap:anywhere}\n"
    ".keys i{display:inline-block;width:1.1rem;height:0;margin-right:.4rem;vertical-align:.25em;"
    "border-top:.25rem solid}\n"
    ".keys i.rule{border-top:2px dotted var(--plot-frame)}.keys i.dash{border-top-style:dashed}"
    ".keys "
    "i.dot{width:.55rem;height:.55rem;border:0;border-radius:50%;background:currentColor;vertical-align:0}\n"
    ".scroll{overflow-x:auto;margin:.6rem 0}\n"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .8rem .25rem 0;text-align:right;border-bottom:1px solid var(--line);"
    "vertical-align:top;white-space:nowrap}\n"
    "th{font-weight:600;color:var(--quiet)}\n"
    ".text,td.path{text-align:left}td.wide{text-align:left;white-space:normal;overflow-wrap:anywhere;min-"
    "width:16rem}"
    "\n"
    "pre{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;"
    "font:.8rem/1.45 ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "@media (min-width:60rem){pre{columns:2;column-gap:2rem}}\n"
    "@media print{body{font-size:9.5pt;max-width:none;padding:0}nav{display:none}"
    ".figures{grid-template-columns:1fr 1fr}.scroll{overflow:visible}h2,h3{break-after:avoid}"
    "table{font-size:7.5pt}td.path{white-space:normal;overflow-wrap:anywhere}td.wide{min-width:0}"
    "tr{break-inside:avoid}pre{columns:2;font-size:7pt}@page{margin:14mm}}\n";

static void write_colors(FILE *out, bool dark)
{
    fprintf(out, "--ground:%s;--text:%s;--quiet:%s;--line:%s;--panel:%s;", dark ? "#0f1318" : "#ffffff",
            dark ? "#e6e9ed" : "#1b1f24", dark ? "#9ba4ae" : "#57606a", dark ? "#2d343c" : "#d8dee4",
            dark ? "#161b22" : "#fafbfc");
    fprintf(out, "--plot-frame:%s;--plot-grid:%s;", plot_frame_color(dark), plot_grid_color(dark));
    for (int i = 0; i < PLOT_COLORS; i++) {
        fprintf(out, "--plot-%d:%s;", i, plot_color(i, dark));
    }
}

void report_write_style(FILE *out)
{
    fputs("<style>\n:root{color-scheme:light dark;", out);
    write_colors(out, false);
    fputs("}\n@media screen and (prefers-color-scheme:dark){:root{", out);
    write_colors(out, true);
    fputs("}}\n", out);
    fputs(rules, out);
    fputs("</style>\n", out);
}
