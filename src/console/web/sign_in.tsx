import { useState } from "preact/hooks";
import { send, type SessionInfo } from "./api.ts";

export function SignIn({ onSession }: { readonly onSession: (session: SessionInfo) => void }) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    const token = String(new FormData(event.currentTarget as HTMLFormElement).get("token") ?? "");
    try {
      onSession(await send<SessionInfo>("POST", "/session", { token }));
    } catch (refused) {
      setError((refused as Error).message);
      setBusy(false);
    }
  };
  return (
    <main class="container sign-in">
      <article>
        <h1>
          <img src="/assets/icon.svg" alt="" width="36" height="36" /> Paddock
        </h1>
        <form onSubmit={submit}>
          <label>
            Token
            <input
              type="password"
              name="token"
              required
              autocomplete="current-password"
              aria-invalid={error === null ? undefined : "true"}
              aria-describedby="sign-in-help"
            />
            <small id="sign-in-help" role={error === null ? undefined : "alert"}>
              {error ?? "It is the server's setting CONSOLE_TOKEN."}
            </small>
          </label>
          <button type="submit" aria-busy={busy}>Sign in</button>
        </form>
      </article>
    </main>
  );
}
