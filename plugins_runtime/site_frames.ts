/** Frames by which a plugin asks the API of the PostHog that it belongs to (`posthog.api`). */

export type SiteMethod = "GET" | "POST" | "PUT" | "DELETE";

/** JSON, from the fence; answered by a `SiteAnswer` frame with the same id. */
export interface SiteRequest {
  readonly configId: number;
  readonly method: SiteMethod;
  /** Below the site's address. */
  readonly path: string;
  /** What the plugin named, which has to be the site; null where it named none. */
  readonly host: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Becomes the query or, where the method has one, the body. */
  readonly data: unknown;
  /** The plugin's own; null asks for the provisioned ones. */
  readonly keys: { readonly project: string; readonly personal: string } | null;
}

/** JSON, into the fence. */
export type SiteAnswer =
  | {
    readonly ok: true;
    readonly url: string;
    readonly status: number;
    readonly statusText: string;
    readonly headers: readonly (readonly [string, string])[];
    /** Base64. */
    readonly body: string;
  }
  | { readonly ok: false; readonly error: string };
