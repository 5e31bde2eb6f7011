/** The modules of the page, as texts: each is listed here, so that a compiled program has it. */
import api from "./web/api.ts" with { type: "text" };
import app from "./web/app.tsx" with { type: "text" };
import deadLetters from "./web/dead_letters.tsx" with { type: "text" };
import dialog from "./web/dialog.tsx" with { type: "text" };
import events from "./web/events.tsx" with { type: "text" };
import files from "./web/files.ts" with { type: "text" };
import format from "./web/format.ts" with { type: "text" };
import hooks from "./web/hooks.ts" with { type: "text" };
import install from "./web/install.tsx" with { type: "text" };
import main from "./web/main.tsx" with { type: "text" };
import overview from "./web/overview.tsx" with { type: "text" };
import parts from "./web/parts.tsx" with { type: "text" };
import plot from "./web/plot.tsx" with { type: "text" };
import plugin from "./web/plugin.tsx" with { type: "text" };
import pluginActivity from "./web/plugin_activity.tsx" with { type: "text" };
import pluginForm from "./web/plugin_form.tsx" with { type: "text" };
import pluginGrants from "./web/plugin_grants.tsx" with { type: "text" };
import pluginLog from "./web/plugin_log.tsx" with { type: "text" };
import plugins from "./web/plugins.tsx" with { type: "text" };
import settings from "./web/settings.tsx" with { type: "text" };
import signIn from "./web/sign_in.tsx" with { type: "text" };
import tail from "./web/tail.tsx" with { type: "text" };
import theme from "./web/theme.tsx" with { type: "text" };

/** Name → TypeScript. */
export const WEB_MODULES: Readonly<Record<string, string>> = {
  "api.ts": api,
  "app.tsx": app,
  "dead_letters.tsx": deadLetters,
  "dialog.tsx": dialog,
  "events.tsx": events,
  "files.ts": files,
  "format.ts": format,
  "hooks.ts": hooks,
  "install.tsx": install,
  "main.tsx": main,
  "overview.tsx": overview,
  "parts.tsx": parts,
  "plot.tsx": plot,
  "plugin.tsx": plugin,
  "plugin_activity.tsx": pluginActivity,
  "plugin_form.tsx": pluginForm,
  "plugin_grants.tsx": pluginGrants,
  "plugin_log.tsx": pluginLog,
  "plugins.tsx": plugins,
  "settings.tsx": settings,
  "sign_in.tsx": signIn,
  "tail.tsx": tail,
  "theme.tsx": theme,
};
