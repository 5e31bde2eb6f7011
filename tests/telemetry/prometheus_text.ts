/** Prometheus's text format, read by a library that is not the one that wrote it. */
import parse from "parse-prometheus-text-format";

/** One value; numbers are texts. */
export interface Sample {
  readonly value: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly metrics: readonly Sample[];
}

/** Of a histogram `x` the families `x_bucket`, `x_sum` and `x_count`, as the library forgets labels. */
export function parsePrometheus(text: string): Family[] {
  const plain = text.replace(/^# HELP .*\n# TYPE \S+ histogram\n/gm, "");
  return parse(plain) as Family[];
}

/** The samples of a metric by its name. */
export function samplesOf(text: string): (name: string) => readonly Sample[] {
  const families = parsePrometheus(text);
  return (name) =>
    families.filter((family) => family.name === name).flatMap(({ metrics }) => metrics);
}

/** The same of a running server. */
export async function scrape(address: string): Promise<(name: string) => readonly Sample[]> {
  const response = await fetch(`${address}/metrics`);
  return samplesOf(await response.text());
}
