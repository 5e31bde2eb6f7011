/** The frame around the pages: who is signed in, which team is looked at, and where to go. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, rememberSession, send, type SessionInfo, type Team } from "./api.ts";
import { DeadLettersPage } from "./dead_letters.tsx";
import { EventsPage, PersonsPage } from "./events.tsx";
import { type Say, SayContext, useAsked, useRoute } from "./hooks.ts";
import { OverviewPage } from "./overview.tsx";
import { Waiting } from "./parts.tsx";
import { PluginPage } from "./plugin.tsx";
import { PluginsPage } from "./plugins.tsx";
import { SettingsPage } from "./settings.tsx";
import { SignIn } from "./sign_in.tsx";
import { TailPage } from "./tail.tsx";
import { ThemeButton } from "./theme.tsx";

const PAGES = [
  ["overview", "Overview"],
  ["plugins", "Plugins"],
  ["tail", "Live tail"],
  ["events", "Events"],
  ["persons", "Persons"],
  ["dead-letters", "Dead letters"],
  ["settings", "Settings"],
] as const;

export function App() {
  const [session, setSession] = useState<SessionInfo | null>(null);
  const [error, setError] = useState<string | null>(null);
  const open = useCallback((info: SessionInfo) => {
    rememberSession(info, () => setSession({ ...info, csrf: null }));
    setSession(info);
  }, []);
  useEffect(() => {
    (async () => {
      const info = await get<SessionInfo>("/session");
      const isOpen = info.csrf !== null || info.needsToken;
      open(isOpen ? info : await send<SessionInfo>("POST", "/session", { token: "" }));
    })().catch((error) => setError(error.message));
  }, []);
  if (session === null) {
    return (
      <main class="container">
        <Waiting error={error} />
      </main>
    );
  }
  if (session.csrf === null) return <SignIn onSession={open} />;
  return <Console needsToken={session.needsToken} onSession={open} />;
}

function Console({ needsToken, onSession }: {
  readonly needsToken: boolean;
  readonly onSession: (session: SessionInfo) => void;
}) {
  const route = useRoute();
  const page = route[0] ?? "overview";
  const teams = useAsked<readonly Team[]>("/teams");
  const [teamId, setTeamId] = useState(Number(localStorage.getItem("team")) || 0);
  const [said, setSaid] = useState<{ text: string; isError: boolean } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const say: Say = useCallback((text, isError = false) => {
    clearTimeout(timer.current);
    setSaid({ text, isError });
    timer.current = setTimeout(() => setSaid(null), isError ? 12_000 : 5_000);
  }, []);
  const team = teams.data?.find(({ id }) => id === teamId) ?? teams.data?.[0];
  useEffect(() => {
    const [, name = "Not found"] = PAGES.find(([path]) => path === page) ?? [];
    document.title = `${name} – Paddock`;
    setSaid(null);
  }, [page]);
  const signOut = async () => {
    await send("DELETE", "/session").catch(() => {});
    onSession({ csrf: null, needsToken: true, version: "" });
  };
  const chosen = (event: Event) => {
    const { value } = event.currentTarget as HTMLSelectElement;
    localStorage.setItem("team", value);
    setTeamId(Number(value));
  };
  return (
    <SayContext.Provider value={say}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector<HTMLElement>("h1")?.focus();
        }}
      >
        Skip to the page
      </a>
      <header class="bar">
        <a class="brand" href="#/overview">
          <img src="/assets/icon.svg" alt="" width="26" height="26" />Paddock
        </a>
        <nav aria-label="Pages">
          <ul>
            {PAGES.map(([path, name]) => (
              <li key={path}>
                <a href={`#/${path}`} aria-current={page === path ? "page" : undefined}>{name}</a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="tools">
          <select aria-label="Project" value={String(team?.id ?? "")} onChange={chosen}>
            {(teams.data ?? []).map(({ id, name }) => (
              <option key={id} value={String(id)}>{name} ({id})</option>
            ))}
          </select>
          <ThemeButton />
          {needsToken && <button type="button" class="outline" onClick={signOut}>Sign out</button>}
        </div>
      </header>
      <main class="container" id="main">
        {team === undefined
          ? (
            <Waiting
              error={teams.error ?? (teams.data === null ? null : "There is no project yet.")}
            />
          )
          : <Page key={`${route.join("/")} ${team.id}`} route={route} page={page} team={team} />}
      </main>
      <div class="said" role="status">
        {said !== null && (
          <p class={said.isError ? "bad" : "good"}>
            {said.text}
            <button type="button" aria-label="Close" onClick={() => setSaid(null)}>×</button>
          </p>
        )}
      </div>
    </SayContext.Provider>
  );
}

function Page({ page, route, team }: {
  readonly page: string;
  readonly route: readonly string[];
  readonly team: Team;
}) {
  const id = Number(route[1]);
  switch (page) {
    case "overview":
      return <OverviewPage />;
    case "plugins":
      return Number.isInteger(id) && id > 0
        ? <PluginPage id={id} team={team} />
        : <PluginsPage team={team} />;
    case "tail":
      return <TailPage team={team} />;
    case "events":
      return <EventsPage team={team} />;
    case "persons":
      return <PersonsPage team={team} />;
    case "dead-letters":
      return <DeadLettersPage />;
    case "settings":
      return <SettingsPage team={team} />;
    default:
      return (
        <p>
          There is no such page. <a href="#/overview">Go to the overview</a>.
        </p>
      );
  }
}
