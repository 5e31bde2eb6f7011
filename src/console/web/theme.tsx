import { useEffect, useState } from "preact/hooks";

const NEXT: Readonly<Record<string, string>> = { auto: "light", light: "dark", dark: "auto" };
const SIGNS: Readonly<Record<string, string>> = { auto: "◐", light: "☀", dark: "☾" };

/** As the system is, or light or dark whatever that says. */
export function ThemeButton() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "auto");
  useEffect(() => {
    localStorage.setItem("theme", theme);
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <button
      type="button"
      class="outline secondary theme"
      aria-label={`Colours: ${theme}. Change to ${NEXT[theme] ?? "auto"}`}
      onClick={() => setTheme(NEXT[theme] ?? "auto")}
    >
      {SIGNS[theme] ?? "◐"}
    </button>
  );
}
