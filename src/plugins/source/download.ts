/** Plugins that are installed from elsewhere: npm packages, repositories and archives by address. */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import semver from "semver";
import { didYouMean } from "../../closest_word.ts";
import { errorMessage, PaddockError } from "../../errors.ts";
import { isObject } from "../../events/person_properties.ts";

export interface DownloadedPlugin {
  readonly archive: Uint8Array;
  /** What to download again to get the plugin's newest version. */
  readonly url: string;
  /** Its version, or the commit; null where the archive does not say. */
  readonly tag: string | null;
}

const MAX_BYTES = 20 * 1024 * 1024;
const MAX_METADATA_BYTES = 50 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

const NPM_PAGE =
  /^https:\/\/(?:www\.)?npmjs\.com\/package\/((?:@[^/]+\/)?[^/@?#]+)(?:\/v\/([^/?#]+))?/;
const NPM_NAME = /^(@[a-z0-9~._-]+\/)?[a-z0-9~._-]+$/i;
const HOSTED =
  /^https:\/\/(github|gitlab)\.com\/([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?(?:(?:\/-)?\/tree\/([^?#]+))?(?:#(.+))?$/;

/** Whether a source is to be downloaded; anything else is a path. */
export function isDownload(source: string): boolean {
  return /^(?:npm:|https?:\/\/)/.test(source);
}

/**
 * Downloads a plugin: `npm:name`, `npm:name@1.2.3` or a page of npmjs.com; the page of a repository
 * on GitHub or GitLab, with `#branch-or-tag` behind it; or the address of a zip or tgz.
 * @param registry where npm packages are, such as `https://registry.npmjs.org`
 * @throws PaddockError PDK_USAGE naming the source and what is wrong
 */
export async function downloadPlugin(source: string, registry: string): Promise<DownloadedPlugin> {
  const page = NPM_PAGE.exec(source);
  if (page !== null) return await fromNpm(page[1] as string, page[2], registry);
  if (source.startsWith("npm:")) {
    const [, name, wanted] = /^npm:(@?[^@]+)(?:@(.+))?$/.exec(source) ?? [];
    return await fromNpm(name ?? "", wanted, registry);
  }
  const archive = await fetchBytes(archiveAddress(source), MAX_BYTES);
  return { archive, url: source, tag: commitOf(archive) };
}

/** The archive of a repository's page; any other address is one already. */
function archiveAddress(source: string): string {
  const hosted = HOSTED.exec(source);
  if (hosted === null) return source;
  const [, site, owner, name, tree, fragment] = hosted;
  const ref = fragment ?? tree ?? "HEAD";
  return site === "github"
    ? `https://github.com/${owner}/${name}/archive/${ref}.zip`
    : `https://gitlab.com/${owner}/${name}/-/archive/${ref}/${name}.zip`;
}

/** Git writes the commit as the comment at a zip's end. */
function commitOf(archive: Uint8Array): string | null {
  const end = Buffer.from(archive.subarray(-40)).toString("latin1");
  return /^[0-9a-f]{40}$/.test(end) ? end : null;
}

async function fromNpm(
  name: string,
  wanted: string | undefined,
  registry: string,
): Promise<DownloadedPlugin> {
  if (!NPM_NAME.test(name)) throw refuse(`'${name}' is no name of an npm package`);
  const address = `${registry.replace(/\/+$/, "")}/${name.replace("/", "%2f")}`;
  const text = Buffer.from(
    await fetchBytes(address, MAX_METADATA_BYTES, "application/vnd.npm.install-v1+json"),
  ).toString();
  const { versions, tags } = packageOf(text, address);
  const range = wanted ?? "latest";
  const version = tags[range] ??
    (semver.validRange(range) === null ? null : semver.maxSatisfying(Object.keys(versions), range));
  const dist = typeof version === "string" ? distOf(versions[version]) : null;
  if (typeof version !== "string" || dist === null) {
    const known = [...Object.keys(tags), ...Object.keys(versions).slice(-5)];
    throw refuse(
      `the npm package '${name}' has no version '${range}'${didYouMean(range, known)}; ` +
        `there are ${known.join(", ")}`,
    );
  }
  const archive = await fetchBytes(dist.tarball, MAX_BYTES);
  checkIntegrity(archive, dist.integrity, `${name}@${version}`);
  const pinned = wanted !== undefined && semver.valid(wanted) !== null ? `/v/${version}` : "";
  return { archive, url: `https://www.npmjs.com/package/${name}${pinned}`, tag: version };
}

function packageOf(
  text: string,
  address: string,
): { versions: Record<string, unknown>; tags: Record<string, unknown> } {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json) && isObject(json.versions)) {
      return {
        versions: json.versions,
        tags: isObject(json["dist-tags"]) ? json["dist-tags"] : {},
      };
    }
  } catch {
    // Said below.
  }
  throw refuse(`${shown(address)} did not answer with an npm package`);
}

function distOf(version: unknown): { tarball: string; integrity: string } | null {
  if (!isObject(version) || !isObject(version.dist)) return null;
  const { tarball, integrity } = version.dist;
  return typeof tarball === "string" && typeof integrity === "string"
    ? { tarball, integrity }
    : null;
}

/** @param integrity a subresource integrity text: `sha512-…`, several separated by spaces */
function checkIntegrity(archive: Uint8Array, integrity: string, name: string): void {
  const sha512 = `sha512-${hash("sha512", archive, "base64")}`;
  if (integrity.split(/\s+/).includes(sha512)) return;
  throw refuse(`the archive of ${name} is not what the registry says it is (its sha512 differs)`);
}

async function fetchBytes(
  address: string,
  maxBytes: number,
  accept = "*/*",
): Promise<Uint8Array> {
  try {
    const response = await fetch(address, {
      headers: { accept },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`it answered ${response.status} ${response.statusText}`.trim());
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.byteLength;
      if (length > maxBytes) throw new Error(`it has over ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
  } catch (error) {
    throw refuse(`${shown(address)} cannot be downloaded: ${errorMessage(error)}`, error);
  }
}

/** Without what may be a password or a token. */
function shown(address: string): string {
  try {
    const url = new URL(address);
    return `${url.origin}${url.pathname}`;
  } catch {
    return "the address";
  }
}

function refuse(reason: string, cause?: unknown): PaddockError {
  return new PaddockError("PDK_USAGE", reason, { cause });
}
