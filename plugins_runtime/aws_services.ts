/**
 * Services of AWS that a plugin's text names and that are not there: said when it is loaded, as
 * nobody wants to hear of it with the first event that is to be sent. The text is not parsed, so that
 * a name which is only known when the code runs is an error when it is used.
 */
const COMMENTS = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;
const BINDING = /([\w$]+)\s*=\s*(?:[\w$.]+\s*\(\s*)?require\s*\(\s*["'`]aws-sdk["'`]\s*\)/g;
/** Of the modules that are not there: the parts of the SDK, and the version after it. */
const OTHER_MODULE = /\brequire\s*\(\s*(["'`])(aws-sdk\/[^"'`\n]+|@aws-sdk\/[^"'`\n]+)\1\s*\)/;

/**
 * @param texts CommonJS
 * @param sdk what `aws-sdk` exports: a service that is not there throws when it is looked at
 * @throws Error saying which service or module is named and not there
 */
export function checkAwsServices(texts: Iterable<string>, sdk: unknown): void {
  for (const text of texts) {
    if (!text.includes("aws-sdk")) continue;
    const code = text.replace(COMMENTS, "");
    const module = OTHER_MODULE.exec(code)?.[2];
    if (module !== undefined) {
      throw new Error(
        `Cannot import '${module}'! This package is not provided by PostHog in plugins.`,
      );
    }
    for (const name of constructed(code)) (sdk as Record<string, unknown> | undefined)?.[name];
  }
}

/** `SQS` for `new AWS.SQS(`, whatever the module was called. */
function constructed(code: string): ReadonlySet<string> {
  const modules = [...code.matchAll(BINDING)].map(([, name = ""]) => name);
  for (const module of [...modules]) {
    const aliases = new RegExp(
      `([\\w$]+)\\s*=\\s*[\\w$.]+\\s*\\(\\s*${RegExp.escape(module)}\\s*\\)`,
      "g",
    );
    for (const [, alias = ""] of code.matchAll(aliases)) modules.push(alias);
  }
  const names = new Set<string>();
  for (const module of modules) {
    const uses = new RegExp(
      `\\bnew\\s+(?:\\(\\s*0\\s*,\\s*)?${RegExp.escape(module)}(?:\\.default)?\\.([A-Z]\\w*)`,
      "g",
    );
    for (const [, name = ""] of code.matchAll(uses)) names.add(name);
  }
  return names;
}
