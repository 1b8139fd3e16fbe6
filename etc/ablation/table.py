"""What is written of an experiment: tables as TSV and Markdown, a verdict on the order, and a plot."""
from __future__ import annotations

import dataclasses
import fnmatch
import math
import pathlib
import statistics
import subprocess
from typing import Any, Optional, Sequence

from experiment import OF_SETS, Experiment, Measure, Problem, Row
from student import half_width
from training import DIVERGED, Training

COLORS = ("#1f62d0", "#c4560a", "#1a7f37", "#8250df", "#cf222e", "#0e7c86")
FRAME, GRID, TEXT = "#57606a", "#dfe3e8", "#24292f"
Outcome = tuple[Training, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Mean:
    """Of a measure over the seeds; NaN where there is none."""
    mean: float
    half: float
    values: dict[int, float]  # by seed

    def text(self, measure: Measure) -> str:
        shown = measure.shown_as()
        if math.isnan(self.mean):
            return "–"
        text = f"{self.mean * shown.factor:.{shown.decimals}f}"
        if shown.interval and not math.isnan(self.half):
            text += f" ± {self.half * shown.factor:.{shown.decimals}f}"
        return text


@dataclasses.dataclass(frozen=True)
class TableRow:
    row: Row
    means: dict[str, Mean]
    diverged: int
    failed: int
    count: int  # of all seeds

    def title(self) -> str:
        parts = [f"{number} of {self.count} {what}" for number, what in
                 ((self.diverged, "diverged"), (self.failed, "failed")) if number]
        return self.row.name + (f" ({', '.join(parts)})" if parts else "")


# --- Figures ---

def figure_of(result: dict[str, Any], measure: Measure) -> Optional[float]:
    """What a training gives for a measure: of verification sets the mean over those that it names. None of one that
    failed, and of sets too small for it."""
    if measure.figure not in OF_SETS:
        return result.get(measure.figure)
    named = [values[measure.figure] for name, values in sorted(result.get("sets", {}).items())
             if fnmatch.fnmatch(name, measure.sets)]
    return statistics.fmean(named) if named and None not in named else None


def mean_over_seeds(outcomes: Sequence[Outcome], measure: Measure) -> Mean:
    values = {}
    for training, result in outcomes:
        figure = figure_of(result, measure)
        if figure is not None:
            values[training.seed] = figure
    if not values:
        return Mean(math.nan, math.nan, {})
    return Mean(statistics.fmean(values.values()), half_width(list(values.values())), values)


def table_rows(experiment: Experiment, outcomes: Sequence[Outcome]) -> list[TableRow]:
    rows = []
    for row in experiment.rows:
        own = [outcome for outcome in outcomes if outcome[0].row == row]
        codes = [result["code"] for _, result in own]
        rows.append(TableRow(row, {measure.name: mean_over_seeds(own, measure) for measure in experiment.measures},
                             codes.count(DIVERGED), sum(code not in (0, DIVERGED) for code in codes), len(own)))
    return rows


# --- Text ---

def number_text(value: Optional[float]) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def trainings_tsv(experiment: Experiment, outcomes: Sequence[Outcome]) -> str:
    """Every training: what it was and what it gave."""
    lines = ["\t".join(["row", "series", "x", "seed", "code", *(measure.name for measure in experiment.measures), "loss",
                        "steps", "wall_seconds", "folder", "failure"])]
    for training, result in outcomes:
        lines.append("\t".join([
            training.row.name, training.row.series, number_text(training.row.x), str(training.seed), str(result["code"]),
            *(number_text(figure_of(result, measure)) for measure in experiment.measures),
            number_text(result.get("loss")), str(result.get("steps", "")), number_text(result["seconds"]),
            str(training.folder), result["failure"].replace("\t", " ")]))
    return "\n".join(lines) + "\n"


def table_tsv(experiment: Experiment, rows: Sequence[TableRow]) -> str:
    """Means over the seeds and half the width of their 95% intervals, as fractions, seconds and bytes."""
    names = [f"{measure.name}{suffix}" for measure in experiment.measures for suffix in ("", "_half_width")]
    lines = ["\t".join(["row", "series", "x", "seeds", "diverged", "failed", *names])]
    for each in rows:
        figures = [number_text(value) for measure in experiment.measures
                   for value in (each.means[measure.name].mean, each.means[measure.name].half)]
        lines.append("\t".join([each.row.name, each.row.series, number_text(each.row.x), str(each.count),
                                str(each.diverged), str(each.failed), *figures]))
    return "\n".join(lines) + "\n"


def column_title(measure: Measure) -> str:
    unit = measure.shown_as().unit
    return f"{measure.title}, {unit}" if unit == "%" else measure.title


def markdown(experiment: Experiment, rows: Sequence[TableRow]) -> str:
    """The table, its columns in line for who reads it as text; without columns that nothing stands in."""
    measures = [measure for measure in experiment.measures
                if any(not math.isnan(each.means[measure.name].mean) for each in rows)]
    cells = [["", *(column_title(measure) for measure in measures)]]
    cells += [[each.title(), *(each.means[measure.name].text(measure) for measure in measures)] for each in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for line in (cells[0], rule, *cells[1:]):
        first, rest = line[0].ljust(widths[0]), [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        lines.append("| " + " | ".join([first, *rest]) + " |")
    return "\n".join(lines) + "\n"


def difference(measure: Measure, lower: TableRow, higher: TableRow) -> str:
    """The mean of the differences seed by seed, which share what the seed decides."""
    low, high = lower.means[measure.name].values, higher.means[measure.name].values
    gains = {seed: high[seed] - low[seed] for seed in low if seed in high}
    mean = Mean(statistics.fmean(gains.values()) if gains else math.nan, half_width(list(gains.values())), gains)
    text = mean.text(measure)
    return f"{higher.row.name} - {lower.row.name} seed by seed: {'' if text.startswith('-') else '+'}{text}"


def verdict(experiment: Experiment, rows: Sequence[TableRow]) -> str:
    """Whether the rows that should be in order are, and whether their intervals are apart."""
    if not experiment.order:
        return ""
    measure = experiment.plot[0]
    ordered = [next(each for each in rows if each.row.name == name) for name in experiment.order]
    means = [each.means[measure.name] for each in ordered]
    steps = list(zip(ordered, ordered[1:]))
    bad = [f"{b.row.name} is not above {a.row.name}" for a, b in steps
           if not a.means[measure.name].mean < b.means[measure.name].mean]
    said = "the order holds" if not bad else "the order does not hold: " + ", ".join(bad)
    if any(math.isnan(mean.half) for mean in means):
        said += "; no intervals without two seeds of each"
    else:
        touching = [f"{a.row.name} and {b.row.name}" for a, b in steps
                    if a.means[measure.name].mean + a.means[measure.name].half >=
                    b.means[measure.name].mean - b.means[measure.name].half]
        said += "; the intervals are apart" if not touching else f"; intervals not apart: {', '.join(touching)}"
    chain = " < ".join(f"{each.row.name} {each.means[measure.name].text(measure)}" for each in ordered)
    return f"{measure.title}: {chain}? {said}\n" + "".join(difference(measure, a, b) + "\n" for a, b in steps)


def chances(outcomes: Sequence[Outcome]) -> str:
    """What a domain classifier reaches that always names the largest dataset: the ideal."""
    found = sorted({round(max(images) / sum(images), 4) for images in
                    (training.trained_on for training, _ in outcomes) if len(images) > 1})
    return f"domain classifier: chance is {' or '.join(f'{100 * chance:.1f} %' for chance in found)}" if found else ""


# --- The plot ---

def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def block(name: str, lines: Sequence[str]) -> list[str]:
    return [f"${name} << END", *lines, "END"]


def plotted(mean: Mean, measure: Measure) -> tuple[float, float]:
    """The height and half the length of its bar of error."""
    factor = measure.shown_as().factor
    half = 0.0 if math.isnan(mean.half) or not measure.shown_as().interval else mean.half
    return mean.mean * factor, half * factor


def bars(experiment: Experiment, rows: Sequence[TableRow]) -> list[str]:
    """Every row's measures side by side. Percent begin at 50, what guessing reaches, where all are above."""
    lines, lowest = [], math.inf
    for each in rows:
        cells = ['"' + each.row.name.replace('"', "'") + '"']
        for measure in experiment.plot:
            height, half = plotted(each.means[measure.name], measure)
            cells += ["NaN", "NaN"] if math.isnan(height) else [f"{height:.6g}", f"{half:.6g}"]
            lowest = lowest if math.isnan(height) else min(lowest, height - half)
        lines.append(" ".join(cells))
    curves = [f"$rows using {2 * index + 2}:{2 * index + 3}:xtic(1) title {quoted(column_title(measure))} "
              f"lc rgb '{COLORS[index % len(COLORS)]}'" for index, measure in enumerate(experiment.plot)]
    return ["set style data histogram", "set style histogram errorbars gap 1.5 lw 1.2", "set style fill solid 0.75 noborder",
            f"set errorbars lc rgb '{TEXT}' lw 1.2", f"set xrange [-0.6:{len(rows) - 0.4:g}]",
            f"set yrange [{50 if lowest > 50 else 0}:*]", *block("rows", lines), "plot " + ", ".join(curves)]


def curves_of(experiment: Experiment, rows: Sequence[TableRow], measure: Measure, panel: int) -> list[str]:
    """A curve for each series, over the sweep's values."""
    assert experiment.sweep
    series = list(dict.fromkeys(each.row.series for each in rows))
    position = {float(value): index if experiment.sweep.even else float(value)
                for index, value in enumerate(experiment.sweep.values)}
    commands, curves = [], []
    for index, name in enumerate(series):
        points = [(each.row.x or 0.0, *plotted(each.means[measure.name], measure)) for each in rows if each.row.series == name]
        block_name = f"curve{panel}_{index}"
        commands += block(block_name, [f"{position[x]:.9g} {height:.6g} {half:.6g}" for x, height, half in sorted(points)
                                       if not math.isnan(height)] or ["NaN NaN NaN"])
        curves.append(f"${block_name} using 1:2:3 with yerrorlines title {quoted(name)} lw 1.6 pt 7 ps 0.5 "
                      f"lc rgb '{COLORS[index % len(COLORS)]}'")
    ticks = ", ".join(f"{quoted(f'{value:g}')} {place:.9g}" for value, place in position.items())
    return commands + [f"set xlabel {quoted(experiment.sweep.label)}", f"set ylabel {quoted(column_title(measure))}",
                       f"set xtics ({ticks})", "set offsets graph 0.04, graph 0.04, graph 0.08, graph 0.08",
                       "plot " + ", ".join(curves)]


def plot_script(experiment: Experiment, rows: Sequence[TableRow]) -> str:
    panels = len(experiment.plot) if experiment.sweep else 1
    commands = [f"set terminal svg size {520 * panels if experiment.sweep else 760},380 font 'sans,12' background 'white'",
                "set encoding utf8", f"set border 3 lc rgb '{FRAME}'", "set tics nomirror scale 0.6",
                f"set grid ytics lc rgb '{GRID}' dt solid", "set key outside top center horizontal"]
    if not experiment.sweep:
        return "\n".join(commands + bars(experiment, rows)) + "\n"
    commands.append(f"set multiplot layout 1,{panels}")
    for panel, measure in enumerate(experiment.plot):
        commands += curves_of(experiment, rows, measure, panel)
    return "\n".join(commands + ["unset multiplot"]) + "\n"


def draw(script: str, path: pathlib.Path) -> None:
    """By gnuplot, without its start-up files."""
    done = subprocess.run(["gnuplot", "-d", "-"], input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:
        raise Problem(f"gnuplot: {done.stderr.strip() or 'it has drawn nothing'}")
    path.write_text(done.stdout, encoding="utf-8")


# --- All of it ---

def write_all(experiment: Experiment, outcomes: Sequence[Outcome], folder: pathlib.Path) -> str:
    """Writes trainings.tsv, table.tsv, table.md and plot.svg; returns table.md."""
    rows = table_rows(experiment, outcomes)
    intervals = "mean ± half the width of the 95% interval over the seeds (Student's t)"
    notes = "\n".join(filter(None, [intervals, chances(outcomes)]))
    text = f"{experiment.title}\n\n{markdown(experiment, rows)}\n{notes}\n"
    said = verdict(experiment, rows)
    text += "\n" + said if said else ""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainings.tsv").write_text(trainings_tsv(experiment, outcomes), encoding="utf-8")
    (folder / "table.tsv").write_text(table_tsv(experiment, rows), encoding="utf-8")
    (folder / "table.md").write_text(text, encoding="utf-8")
    if any(not math.isnan(each.means[measure.name].mean) for each in rows for measure in experiment.plot):
        draw(plot_script(experiment, rows), folder / "plot.svg")
    return text
