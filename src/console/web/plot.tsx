/** Lines over time. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { time } from "./format.ts";

export interface Line {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

const HEIGHT = 150;

/**
 * @param times seconds since 1970, ascending
 * @param now what the plot says in one line, for those who cannot see it as well
 */
export function Plot({ title, now, times, lines, format }: {
  readonly title: string;
  readonly now: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = useRef<uPlot.AlignedData>([[]]);
  data.current = [[...times], ...lines.map(({ values }) => [...values])];
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(element, lines, format), data.current, element);
    };
    draw();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT })
    );
    resized.observe(element);
    // Colours are read when the plot is made.
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      themed.disconnect();
      system.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(data.current), [times]);
  return (
    <article class="plot">
      <header>
        <h2>{title}</h2>
        <span>{now}</span>
      </header>
      <div ref={box} role="img" aria-label={`${title}: ${now}`} />
      <p class="legend" aria-hidden="true">
        {lines.map(({ name, colour }) => <span key={name} class={colour.slice(2)}>{name}</span>)}
      </p>
    </article>
  );
}

function optionsOf(
  element: HTMLElement,
  lines: readonly Line[],
  format: (value: number) => string,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--pico-muted-color"),
    grid: { stroke: colour("--pico-muted-border-color"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(200, element.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 90,
        size: 26,
        values: (_plot, values) => values.map((seconds) => time(seconds * 1000)),
      },
      { ...axis, size: 56, space: 30, values: (_plot, values) => values.map(format) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        fill: `${colour(line.colour)}22`,
        width: 2,
        spanGaps: true,
        points: { show: false },
      })),
    ],
  };
}
