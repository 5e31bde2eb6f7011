/**
 * The files of the console's page. All are texts inside the program, so that nothing is built and a
 * compiled binary has them; modules of ours are TypeScript, from which the types are taken off when
 * they are first asked for.
 */
import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import pico from "@picocss/pico/css/pico.min.css" with { type: "text" };
import { Hono } from "hono";
import preact from "preact" with { type: "text" };
import preactHooks from "preact/hooks" with { type: "text" };
import preactJsx from "preact/jsx-runtime" with { type: "text" };
import { transform } from "sucrase";
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplot from "uplot/dist/uPlot.esm.js" with { type: "text" };
import type { ConsoleEnv } from "./console_env.ts";
import { WEB_MODULES } from "./web_modules.ts";
import page from "./web/page.html" with { type: "text" };
import icon from "./web/icon.svg" with { type: "text" };
import style from "./web/style.css" with { type: "text" };

/** Libraries, by the name that modules import them under. */
const LIBRARIES: Readonly<Record<string, string>> = {
  "preact": preact,
  "preact/hooks": preactHooks,
  "preact/jsx-runtime": preactJsx,
  "uplot": uplot,
};

const STYLES: Readonly<Record<string, string>> = {
  "pico.css": pico,
  "uplot.css": uplotCss,
  "style.css": style,
};

interface Asset {
  readonly type: string;
  readonly text: () => string;
}

interface ReadyAsset {
  readonly type: string;
  readonly etag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

const SCRIPT = "text/javascript; charset=utf-8";

/** Address → file. */
const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ["/", { type: "text/html; charset=utf-8", text: () => page }],
  ["/assets/icon.svg", { type: "image/svg+xml", text: () => icon }],
  ...Object.entries(STYLES).map(([name, text]): [string, Asset] => [
    `/assets/${name}`,
    { type: "text/css; charset=utf-8", text: () => text },
  ]),
  ...Object.entries(LIBRARIES).map(([name, text]): [string, Asset] => [
    libraryAddress(name),
    { type: SCRIPT, text: () => withAddresses(text) },
  ]),
  ...Object.entries(WEB_MODULES).map(([name, text]): [string, Asset] => [
    `/assets/${name}`,
    { type: SCRIPT, text: () => withAddresses(asJavaScript(text, name)) },
  ]),
]);

/** Sizes of all scripts as they are sent, in bytes. */
export function scriptSizes(): Readonly<Record<string, number>> {
  const scripts = [...ASSETS].filter(([, { type }]) => type === SCRIPT);
  return Object.fromEntries(
    scripts.map(([path, asset]) => [path, readyAsset(asset).gzip.byteLength]),
  );
}

/** Routes of the page and its files, which everybody may see who may see the console at all. */
export function assetRoutes(): Hono<ConsoleEnv> {
  const app = new Hono<ConsoleEnv>();
  const ready = new Map<string, ReadyAsset>();
  for (const [path, asset] of ASSETS) {
    app.get(path, (c) => {
      const known = ready.get(path) ?? readyAsset(asset);
      ready.set(path, known);
      const isGzip = /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
      const headers = {
        "content-type": known.type,
        "cache-control": "no-cache",
        "etag": known.etag,
        "vary": "accept-encoding",
      };
      if (c.req.header("if-none-match") === known.etag) return c.body(null, 304, headers);
      return isGzip
        ? c.body(known.gzip, 200, { ...headers, "content-encoding": "gzip" })
        : c.body(known.plain, 200, headers);
    });
  }
  return app;
}

function readyAsset({ type, text }: Asset): ReadyAsset {
  const plain = new TextEncoder().encode(text());
  return {
    type,
    plain,
    etag: `"${hash("sha256", plain, "hex").slice(0, 16)}"`,
    gzip: new Uint8Array(gzipSync(plain, { level: 9 })),
  };
}

function asJavaScript(text: string, name: string): string {
  return transform(text, {
    transforms: ["typescript", "jsx"],
    jsxRuntime: "automatic",
    jsxImportSource: "preact",
    production: true,
    filePath: name,
  }).code;
}

/** Browsers know no names of packages, and a map of them would have to stand inline in the page. */
function withAddresses(code: string): string {
  return code.replaceAll(
    /(\bfrom\s*|\bimport\s*)"([^".][^"]*)"/g,
    (whole, before: string, name: string) =>
      Object.hasOwn(LIBRARIES, name) ? `${before}"${libraryAddress(name)}"` : whole,
  );
}

function libraryAddress(name: string): string {
  return `/assets/libraries/${name.replaceAll("/", "-")}.js`;
}
