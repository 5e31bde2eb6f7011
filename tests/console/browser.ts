/** A real browser on the console, that fails a test for whatever it complains of. */
import axe, { type AxeResults } from "axe-core";
import fs from "node:fs";
import type { Page } from "playwright-core";
import { findProgram } from "../services/service_process.ts";

export interface TestBrowser extends AsyncDisposable {
  readonly page: Page;
  /** Errors of the console and of scripts, and requests that failed, so far. */
  readonly complaints: string[];
  /** What axe finds wrong with the page as it is: a line each. */
  accessibilityProblems(): Promise<string[]>;
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Playwright asks when it is loaded whether this is a Linux inside Windows, by files that only
 * `--allow-all` may look at. It is not.
 */
async function loadPlaywright() {
  const { existsSync } = fs;
  fs.existsSync = (path) => /WSL/.test(String(path)) ? false : existsSync(path);
  try {
    return await import("playwright-core");
  } finally {
    fs.existsSync = existsSync;
  }
}

/** @param options how the page is seen: its size, and whether the system is dark */
export async function openBrowser(
  options: { width?: number; height?: number; dark?: boolean } = {},
): Promise<TestBrowser> {
  const program = findProgram(["chromium", "chromium-browser", "google-chrome"]);
  if (program === null) {
    throw new Error("there is no Chromium: install Debian's package 'chromium'");
  }
  const directory = await Deno.makeTempDir();
  const { chromium } = await loadPlaywright();
  const context = await chromium.launchPersistentContext(directory, {
    executablePath: program,
    headless: true,
    args: FLAGS,
    viewport: { width: options.width ?? 1160, height: options.height ?? 780 },
    colorScheme: options.dark ? "dark" : "light",
    reducedMotion: "reduce",
    // The tests' own evaluations are not the page's.
    bypassCSP: false,
  });
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      complaints.push(`${message.type()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  return {
    page,
    complaints,
    accessibilityProblems: () => problemsOf(page),
    async [Symbol.asyncDispose]() {
      await context.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function problemsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const options = {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
  };
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(document, ${JSON.stringify(options)})`,
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) =>
      `${id} (${help}): ${target.join(" ")}: ${failureSummary?.replaceAll("\n", " ")}`
    )
  );
}
