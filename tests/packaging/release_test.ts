import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { packagesOf } from "../../tools/package_graph.ts";
import { releaseObstacle, writeRelease } from "../../tools/release_files.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const FILES = ["deno.json", "CHANGELOG.md", "deploy/kubernetes/deployment.yaml"];

/** A copy of what a release writes, with a section for 9.8.7 in the changelog. */
async function copy(): Promise<string> {
  const folder = `${await Deno.makeTempDir()}/`;
  await Deno.mkdir(`${folder}deploy/kubernetes`, { recursive: true });
  for (const file of FILES) await Deno.copyFile(`${ROOT}${file}`, `${folder}${file}`);
  const changelog = await Deno.readTextFile(`${folder}CHANGELOG.md`);
  await Deno.writeTextFile(
    `${folder}CHANGELOG.md`,
    changelog.replace("\n## ", "\n## 9.8.7 (unreleased)\n\nNews.\n\n## "),
  );
  return folder;
}

Deno.test("a release writes the version into every file that names it", async () => {
  const folder = await copy();
  assert.equal(await releaseObstacle(folder, "9.8.7"), null);
  await writeRelease(folder, "9.8.7", "2031-02-03");
  const [manifest, changelog, deployment] = await Promise.all(
    FILES.map((file) => Deno.readTextFile(`${folder}${file}`)),
  );
  assert.equal(JSON.parse(manifest as string).version, "9.8.7");
  assert.match(changelog as string, /^## 9\.8\.7 \(2031-02-03\)$/m);
  assert.match(deployment as string, /image: paddock:9\.8\.7$/m);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what cannot be released is refused with the reason", async () => {
  const folder = await copy();
  assert.match(await releaseObstacle(folder, "next") ?? "", /'next' is not a version/);
  assert.match(await releaseObstacle(folder, "0.0.1") ?? "", /older than/);
  assert.match(await releaseObstacle(folder, "9.8.8") ?? "", /CHANGELOG.md has no section/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the command says how it is used", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=tools", `${ROOT}tools/release.ts`],
    cwd: ROOT,
  }).output();
  assert.equal(code, 2);
  assert.match(new TextDecoder().decode(stderr), /usage: deno task release VERSION/);
});

Deno.test("every package that the server is made with is in the notices", async () => {
  const notices = await Deno.readTextFile(`${ROOT}THIRD_PARTY_NOTICES.md`);
  const titles = new Set(
    [...notices.matchAll(/^## (.*)$/gm)].flatMap(([, names]) => (names as string).split(", ")),
  );
  const packages = await packagesOf(ROOT, "main.ts");
  assert.ok(packages.length > 50);
  const missing = packages.map(({ name, version }) => `${name} ${version}`)
    .filter((title) => !titles.has(title));
  assert.deepEqual(missing, [], "deno task notices");
});
