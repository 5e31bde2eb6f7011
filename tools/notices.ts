/** Writes THIRD_PARTY_NOTICES.md: what the server is made with, and under which licences. */
import { fileURLToPath } from "node:url";
import { type Package, packagesOf } from "./package_graph.ts";

const ROOT = fileURLToPath(import.meta.resolve("../"));

/** What goes with an MIT-licensed program; anything else stops the run. */
const ACCEPTED =
  /^(?:MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|CC0-1\.0|Python-2\.0|Unlicense)$/;

const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-][\w-]+)*$/i;

interface Licence {
  readonly title: string;
  readonly licence: string;
  readonly text: string;
}

async function licenceOf({ name, version, folder }: Package): Promise<Licence> {
  const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  const licence = String(manifest.license?.type ?? manifest.license ?? "none named");
  const choices = licence.replace(/[()]/g, "").split(" OR ");
  if (!choices.some((choice) => ACCEPTED.test(choice))) {
    throw new Error(`${name}@${version} is under '${licence}', which is not among those accepted`);
  }
  const files: string[] = [];
  for await (const file of Deno.readDir(folder)) {
    if (file.isFile && LICENSE_FILE.test(file.name)) files.push(file.name);
  }
  const texts = await Promise.all(
    files.sort().map((file) => Deno.readTextFile(`${folder}/${file}`)),
  );
  const author = manifest.author?.name ?? manifest.author ?? "its authors";
  const text = texts.join("\n\n").trim() || `Copyright ${author}. Licence: ${licence}.`;
  return { title: `${name} ${version}`, licence, text };
}

/** Packages that share a text share a section. */
function render(licences: readonly Licence[]): string {
  const byText = Map.groupBy(licences, ({ text }) => text.replaceAll(/\s+/g, " "));
  const sections = [...byText.values()].map((group) => {
    const [{ licence, text }] = group as [Licence, ...Licence[]];
    const titles = [...new Set(group.map(({ title }) => title))].join(", ");
    return `## ${titles}\n\n${licence}\n\n\`\`\`text\n${text.replaceAll("```", "'''")}\n\`\`\`\n`;
  });
  return [
    "# Third-party notices\n",
    "Paddock is made with these packages. Written by `deno task notices`.\n",
    ...sections,
  ].join("\n");
}

const packages = await packagesOf(ROOT, "main.ts");
const licences = await Promise.all(packages.map(licenceOf));
await Deno.writeTextFile(`${ROOT}THIRD_PARTY_NOTICES.md`, render(licences));
console.log(`${packages.length} packages`);
