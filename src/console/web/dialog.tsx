import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The browser's own modal dialog: it keeps the focus inside, and Escape closes it. */
export function Dialog({ title, onClose, children }: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
    return () => element.current?.close();
  }, []);
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}>
      <article>
        <header>
          <button type="button" class="close" aria-label="Close" onClick={onClose} />
          <h2 id="dialog-title">{title}</h2>
        </header>
        {children}
      </article>
    </dialog>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, text, verb, onConfirm, onClose }: {
  readonly title: string;
  readonly text: string;
  readonly verb: string;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <footer>
        <button type="button" class="secondary" onClick={onClose}>Cancel</button>
        <button type="button" class="danger" onClick={() => (onClose(), onConfirm())}>
          {verb}
        </button>
      </footer>
    </Dialog>
  );
}
