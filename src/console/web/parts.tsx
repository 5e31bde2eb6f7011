/** Small parts that several pages are made of. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** A page begins with its title, which gets the focus so that a screen reader says where one is. */
export function Title({ children, actions }: {
  readonly children: ComponentChildren;
  readonly actions?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <header class="title">
      <h1 tabIndex={-1} ref={heading}>{children}</h1>
      {actions && <div class="actions">{actions}</div>}
    </header>
  );
}

/** A table that scrolls by itself where it is too wide, also by keyboard. */
export function Table({ label, names, children }: {
  readonly label: string;
  readonly names: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>{names.map((name) => <th scope="col" key={name}>{name}</th>)}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Nothing({ children }: { readonly children: ComponentChildren }) {
  return <p class="nothing">{children}</p>;
}

/** What is asked for and not there yet, or why it is not. */
export function Waiting({ error }: { readonly error: string | null }) {
  return error === null
    ? <p aria-busy="true">Loading…</p>
    : <p class="error" role="alert">{error}</p>;
}

/** The word for a state, in a colour that is not all that says it. */
export function Badge({ kind, children }: {
  readonly kind: "good" | "warn" | "bad" | "plain";
  readonly children: ComponentChildren;
}) {
  return <span class={`badge ${kind}`}>{children}</span>;
}

/** `- before` and `+ after` lines. */
export function Diff({ lines }: { readonly lines: readonly string[] }) {
  return (
    <pre class="diff" tabIndex={0}>{lines.map((line, index) => (
      <span key={index} class={line.startsWith("+") ? "added" : "removed"}>{`${line}\n`}</span>
    ))}</pre>
  );
}

export function Json({ value }: { readonly value: unknown }) {
  return <pre class="json" tabIndex={0}>{JSON.stringify(value, null, 2)}</pre>;
}
