/** The load bench's results as a picture: what share of the bare insert rate each mix reaches. */

export interface ChartRow {
  readonly name: string;
  readonly rate: number;
  /** Of the bare insert rate. */
  readonly ratio: number;
  /** The least ratio that is asked of it, where one is. */
  readonly goal: number | null;
}

const ROW_HEIGHT = 26;
const NAME_WIDTH = 150;
const BARS_WIDTH = 420;
const WIDTH = NAME_WIDTH + BARS_WIDTH + 130;
const TOP = 46;

/** An SVG text, a bar for each in their order. */
export function chart(rows: readonly ChartRow[]): string {
  const most = Math.max(0.1, ...rows.flatMap(({ ratio, goal }) => [ratio, goal ?? 0]));
  const x = (ratio: number) => (NAME_WIDTH + ratio / most * BARS_WIDTH).toFixed(1);
  const height = TOP + rows.length * ROW_HEIGHT + 12;
  const bars = rows.flatMap(({ name, rate, ratio, goal }, index) => {
    const y = TOP + index * ROW_HEIGHT;
    const width = (ratio / most * BARS_WIDTH).toFixed(1);
    const text = `${Math.round(rate).toLocaleString("en")}/s (${ratio.toFixed(2)})`;
    return [
      `<text x="${NAME_WIDTH - 8}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${NAME_WIDTH}" y="${y}" width="${width}" height="18" fill="#4c78a8"/>`,
      `<text x="${(Number(x(ratio)) + 6).toFixed(1)}" y="${y + 14}">${text}</text>`,
      ...(goal === null ? [] : [
        `<line x1="${x(goal)}" x2="${x(goal)}" y1="${y - 3}" y2="${y + 21}" ` +
        `stroke="#d62728" stroke-width="2"/>`,
      ]),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="#222">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="12" y="24" font-size="15">Events a second, and their share of bare inserts ` +
    `(red: the goal)</text>`,
    ...bars,
    "</svg>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
