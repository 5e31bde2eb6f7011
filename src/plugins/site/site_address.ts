/** Which addresses of the PostHog site a plugin may ask with keys that it was not given. */
import { PaddockError } from "../../errors.ts";

const MAX_PATH = 8_000;
/** Ways to choose another project than the one whose key is sent; see `checkData`. */
const CHOOSES_PROJECT: readonly string[] = ["project_id", "token", "api_key"];

/**
 * Reads the setting.
 * @returns null where it is not set
 * @throws PaddockError PDK_CONFIG_INVALID
 */
export function siteAddress(setting: string | null | undefined): URL | null {
  if (!setting) return null;
  let url: URL;
  try {
    url = new URL(setting);
  } catch {
    throw new PaddockError("PDK_CONFIG_INVALID", `SITE_URL: '${setting}' is not an address`);
  }
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.search + url.hash !== "") {
    throw new PaddockError(
      "PDK_CONFIG_INVALID",
      `SITE_URL: '${url.origin}${url.pathname}' has to be https://host, with a path or none`,
    );
  }
  return url;
}

/**
 * The address of a path of the site.
 * @param host as the plugin named it, or null
 * @throws Error where it leads anywhere else, or to another project
 */
export function addressOf(site: URL, path: string, host: string | null, teamId: number): URL {
  if (path.length > MAX_PATH) throw new Error(`the path has ${path.length} characters`);
  if (host !== null && originOf(host) !== site.origin) {
    throw new Error(
      `the keys of this project are sent to ${site.origin} alone, not to ${shortened(host)}; ` +
        "give projectApiKey and personalApiKey for another host",
    );
  }
  const base = site.pathname.replace(/\/+$/, "");
  const isWhole = /^\s*(?:[a-z][a-z0-9+.-]*:|[\\/]{2})/i.test(path);
  let url: URL;
  try {
    url = isWhole
      ? new URL(path, site)
      : new URL(`${site.origin}${base}/${path.replace(/^[\s\\/]+/, "")}`);
  } catch {
    throw new Error(`'${shortened(path)}' is not a path`);
  }
  if (url.origin !== site.origin || url.username !== "" || url.password !== "") {
    throw new Error(`the keys of this project are not sent to ${shortened(path)}`);
  }
  // What a server in front of the site may take for a slash.
  if (/%2f|%5c|%00/i.test(url.pathname)) throw new Error("a path may not hold an escaped slash");
  url.pathname = url.pathname.replace(/\/{2,}/g, "/");
  if (!`${url.pathname}/`.startsWith(`${base}/`)) throw new Error(`the path leaves ${base}`);
  url.pathname = ownProject(url.pathname, teamId);
  url.hash = "";
  for (const name of url.searchParams.keys()) refuseChoice(name);
  return url;
}

/**
 * The key is the organization's; which project is meant follows from the token that is sent along.
 * @throws Error where the plugin's data would choose another
 */
export function checkData(data: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(data)) refuseChoice(name);
}

function refuseChoice(name: string): void {
  if (CHOOSES_PROJECT.includes(name.toLowerCase())) {
    throw new Error(`'${name}' cannot be chosen: requests are for the plugin's own project`);
  }
}

/** `@current` would be the current project of the key's user, whichever that is. */
function ownProject(pathname: string, teamId: number): string {
  return pathname.replace(/(\/(?:projects|environments)\/)([^/]+)/g, (_, before, id) => {
    const project = decodeURIComponent(id);
    if (project === "@current" || project === String(teamId)) return `${before}${teamId}`;
    throw new Error(`project ${shortened(project)} is not this plugin's (${teamId})`);
  });
}

function originOf(host: string): string | null {
  try {
    return new URL(host).origin;
  } catch {
    return null;
  }
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
