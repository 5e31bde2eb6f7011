import { useState } from "preact/hooks";
import { get, type Letter, send } from "./api.ts";
import { Confirm, Dialog } from "./dialog.tsx";
import { moment } from "./format.ts";
import { useAction, useAsked } from "./hooks.ts";
import { Nothing, Table, Title, Waiting } from "./parts.tsx";

interface Replayed {
  readonly replayed: number;
  readonly refused: number;
  readonly reasons: readonly { readonly reason: string }[];
}

/** What could not be stored, of all projects: a letter may be of none. */
export function DeadLettersPage() {
  const { data, error, again } = useAsked<readonly Letter[]>("/dead-letters", 5_000);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<Letter | null>(null);
  const [asking, setAsking] = useState(false);
  // Letters may have gone meanwhile.
  const ids = (data ?? []).map(({ id }) => id).filter((id) => chosen.has(id));
  const done = () => {
    setChosen(new Set());
    setShown(null);
    again();
  };
  const [replay, replaying] = useAction(async (ids: readonly string[]) => {
    const { replayed, refused, reasons } = await send<Replayed>("POST", "/dead-letters/replay", {
      ids,
    });
    done();
    if (refused > 0) throw new Error(`${refused} cannot be replayed: ${reasons[0]?.reason}`);
    return `${replayed} put back to be processed.`;
  });
  const [purge] = useAction(async (ids: readonly string[]) => {
    const { removed } = await send<{ removed: number }>("POST", "/dead-letters/purge", { ids });
    done();
    return `${removed} deleted.`;
  });
  const [show] = useAction(async (id: string) => {
    setShown(await get<Letter>(`/dead-letters/${id}`));
  });
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  return (
    <>
      <Title
        actions={
          <>
            <button
              type="button"
              disabled={ids.length === 0 || replaying}
              aria-busy={replaying}
              onClick={() => replay(ids)}
            >
              Replay {ids.length || ""}
            </button>
            <button
              type="button"
              class="outline danger"
              disabled={ids.length === 0}
              onClick={() => setAsking(true)}
            >
              Delete
            </button>
          </>
        }
      >
        Dead letters
      </Title>
      {asking && (
        <Confirm
          title={`Delete ${ids.length} dead letters?`}
          text="What they hold is gone then."
          verb="Delete"
          onConfirm={() => purge(ids)}
          onClose={() => setAsking(false)}
        />
      )}
      {shown !== null && (
        <Dialog title={`Dead letter ${shown.id}`} onClose={() => setShown(null)}>
          <p>{shown.reason}</p>
          <p class="note">
            {shown.code}, in the step {shown.step}, from {shown.source},{" "}
            {moment(shown.createdAt)}, tried {shown.attempts}×
          </p>
          <pre class="json" tabIndex={0}>{shown.payload}</pre>
          <footer>
            <button type="button" disabled={replaying} onClick={() => replay([shown.id])}>
              Replay it
            </button>
          </footer>
        </Dialog>
      )}
      {data === null && <Waiting error={error} />}
      {data?.length === 0 && <Nothing>There are none: everything could be stored.</Nothing>}
      {data !== null && data.length > 0 && (
        <Table
          label="Dead letters, the newest first"
          names={["Choose", "Letter", "When", "Project", "Event", "Step", "Reason"]}
        >
          {data.map((letter) => (
            <tr key={letter.id}>
              <td>
                <input
                  type="checkbox"
                  aria-label={`Choose dead letter ${letter.id}`}
                  checked={chosen.has(letter.id)}
                  onChange={() => toggle(letter.id)}
                />
              </td>
              <th scope="row">
                <button type="button" class="link" onClick={() => show(letter.id)}>
                  Show {letter.id}
                </button>
              </th>
              <td>{moment(letter.createdAt)}</td>
              <td>{letter.teamId ?? "–"}</td>
              <td>{letter.event ?? "–"}</td>
              <td>{letter.step}</td>
              <td class="long">{letter.reason}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}
