/** What the server and the gateway process tell each other, as lines of JSON. */
import type { EgressTerms, Remedy } from "./admission.ts";

export type ToGateway =
  | { readonly type: "open"; readonly secret: string; readonly terms: EgressTerms }
  | { readonly type: "close"; readonly secret: string };

export type FromGateway =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "opened"; readonly secret: string }
  | {
    readonly type: "refused";
    readonly pluginId: number;
    readonly host: string;
    readonly port: number;
    readonly reason: string;
    readonly remedy: Remedy;
  };
