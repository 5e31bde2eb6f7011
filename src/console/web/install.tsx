import { send, type Team } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { sentFile } from "./files.ts";
import { useAction } from "./hooks.ts";

/** Installs a plugin from a file or from elsewhere, and goes to its page. */
export function InstallDialog({ team, onClose }: {
  readonly team: Team;
  readonly onClose: () => void;
}) {
  const [install, busy] = useAction(async (form: FormData) => {
    const file = form.get("file");
    const source = String(form.get("source") ?? "").trim();
    const body = file instanceof File && file.size > 0
      ? { teamId: team.id, file: await sentFile(file) }
      : { teamId: team.id, source };
    const { id, replaced } = await send<{ id: number; replaced: boolean }>(
      "POST",
      "/plugins",
      body,
    );
    onClose();
    location.hash = `#/plugins/${id}`;
    return replaced ? "The plugin is updated." : "The plugin is installed. Enable it below.";
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    install(new FormData(event.currentTarget as HTMLFormElement));
  };
  return (
    <Dialog title="Install a plugin" onClose={onClose}>
      <form onSubmit={submit}>
        <label>
          Archive
          <input type="file" name="file" accept=".zip,.tgz,.tar.gz" />
          <small>A .zip or .tgz with a plugin.json.</small>
        </label>
        <label>
          or where it is
          <input type="text" name="source" placeholder="npm:package" autocomplete="off" />
          <small>
            npm:package, the page of a repository on GitHub or GitLab, or an archive's address.
          </small>
        </label>
        <footer>
          <button type="button" class="secondary" onClick={onClose}>Cancel</button>
          <button type="submit" aria-busy={busy} disabled={busy}>Install</button>
        </footer>
      </form>
    </Dialog>
  );
}
