/** Every link between the project's own files leads somewhere, headings included. */
import assert from "node:assert/strict";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

/** What a heading is addressed by, as the usual hosts of repositories have it. */
const anchorOf = (heading: string): string =>
  heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");

const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");

const anchors = (text: string): string[] =>
  [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading as string));

/** Targets of links in a page that are no addresses of other sites. */
const localLinks = (text: string): string[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target));

/** Why a link of `page` leads nowhere, or null. */
async function brokenLink(page: string, target: string): Promise<string | null> {
  const [path, anchor] = target.split("#") as [string, string | undefined];
  const file = path === "" ? page : new URL(path, `file://${page}`).pathname;
  const isThere = await Deno.stat(file).then(() => true, () => false);
  if (!isThere) return `${relative(ROOT, page)}: ${target} is not there`;
  if (anchor === undefined || !file.endsWith(".md")) return null;
  if (anchors(await Deno.readTextFile(file)).includes(anchor)) return null;
  return `${relative(ROOT, page)}: ${target} has no such heading`;
}

async function pages(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files", "*.md"], cwd: ROOT })
    .output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((file) => file !== "" && file !== "THIRD_PARTY_NOTICES.md")
    .map((file) => `${ROOT}${file}`);
}

Deno.test("links between pages lead somewhere", async () => {
  const broken: string[] = [];
  let links = 0;
  for (const page of await pages()) {
    for (const target of localLinks(await Deno.readTextFile(page))) {
      links++;
      const reason = await brokenLink(page, target);
      if (reason !== null) broken.push(reason);
    }
  }
  assert.ok(links > 20, "links were found");
  assert.deepEqual(broken, []);
});

Deno.test("every page of the documentation is in its index", async () => {
  const index = localLinks(await Deno.readTextFile(`${ROOT}docs/README.md`));
  const documents = (await pages()).filter((page) => dirname(page) === `${ROOT}docs`)
    .map((page) => relative(`${ROOT}docs`, page))
    .filter((page) => page !== "README.md");
  assert.deepEqual(documents.filter((page) => !index.includes(page)), []);
});

Deno.test("a link into nothing would be noticed", async () => {
  const page = `${ROOT}docs/README.md`;
  assert.match(await brokenLink(page, "nowhere.md") ?? "", /is not there/);
  assert.match(await brokenLink(page, "security.md#no-such-thing") ?? "", /no such heading/);
  assert.equal(await brokenLink(page, "../README.md#quick-start"), null);
});
