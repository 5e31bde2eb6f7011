/**
 * What a plugin is given and may export, for plugins that are written in TypeScript.
 *
 * ```ts
 * import type { Meta, PluginEvent } from "@paddock/paddock/types";
 *
 * interface Input {
 *   config: { greeting: string };
 *   global: { greeted: number };
 * }
 *
 * export function processEvent(event: PluginEvent, { config, global }: Meta<Input>): PluginEvent {
 *   global.greeted = (global.greeted ?? 0) + 1;
 *   return { ...event, properties: { ...event.properties, greeting: config.greeting } };
 * }
 * ```
 * Imports that are only used as types vanish when a plugin is loaded, wherever they are from.
 * @module
 */

/** The properties of an event: any JSON. */
// deno-lint-ignore no-explicit-any -- plugins look into properties without a cast, as they always did
export type Properties = Record<string, any>;

/** An event as a plugin is given it. Dates are ISO 8601 texts. */
export interface PluginEvent {
  /** The same whenever the plugin is given this event again. */
  uuid: string;
  /** The event's name, e.g. `$pageview`. */
  event: string;
  /** Whose event it is. */
  distinct_id: string;
  /** The project; cannot be changed. */
  team_id: number;
  /** The sender's address, where it is known. */
  ip: string | null;
  /** The address of the application that took it in, where it is known. */
  site_url: string | null;
  /** When it was taken in. */
  now: string;
  /** When the sender sent it, by the sender's clock. */
  sent_at?: string | null;
  /** When it happened, by the sender's clock. */
  timestamp?: string;
  /** Whatever the sender said of it. */
  properties?: Properties;
  /** Properties that the person is to have. */
  $set?: Properties;
  /** Properties that the person is to have unless there is a value. */
  $set_once?: Properties;
}

/** A file that was uploaded into the plugin's config. */
export interface PluginAttachment {
  /** Its media type. */
  content_type: string;
  /** Its name where it came from. */
  file_name: string;
  /** What is in it: a Node.js `Buffer`. */
  contents: Uint8Array & { toString(encoding?: string): string };
}

/** What makes a plugin's `meta` its own; every member may be left out. */
export interface PluginInput {
  /** Values of the config; texts, but for attachments, which are not among them. */
  // deno-lint-ignore no-explicit-any -- which values there are is said by plugin.json
  config?: Record<string, any>;
  /** What the plugin keeps in memory. */
  // deno-lint-ignore no-explicit-any -- anything that lives in memory may be kept
  global?: Record<string, any>;
  /** Uploaded files by key; those that were not uploaded are undefined. */
  attachments?: Record<string, PluginAttachment | undefined>;
  /** Payloads of the plugin's jobs by name. */
  jobs?: Record<string, unknown>;
  /** The plugin's metrics by name. */
  metrics?: Record<string, MetricType>;
}

/** Whether a cached value is JSON, which it is unless it is said otherwise. */
export interface CacheOptions {
  /** With `false` the value is the text that is stored. */
  jsonSerialize?: boolean;
}

/** Shared by the configs of a plugin within a team; keys have up to 1,000 characters. */
export interface PluginCache {
  /** The value of a key; the default where there is none. */
  get(key: string, defaultValue: unknown, options?: CacheOptions): Promise<unknown>;
  /** Keeps a value, for so many seconds or for good. */
  set(key: string, value: unknown, ttlSeconds?: number, options?: CacheOptions): Promise<void>;
  /** Counts up by one, from 0 where there is nothing; the new number. */
  incr(key: string): Promise<number>;
  /** Lets a key expire; false where there is none. */
  expire(key: string, ttlSeconds: number): Promise<boolean>;
  /** Puts texts before a list, the last of them first; its new length. */
  lpush(key: string, elements: string | string[]): Promise<number>;
  /** Texts of a list, both ends included; negative places count from its end. */
  lrange(key: string, startIndex: number, endIndex: number): Promise<string[]>;
  /** The length of a list. */
  llen(key: string): Promise<number>;
  /** Removes a text from a list so many times (from its end if negative, everywhere if 0). */
  lrem(key: string, count: number, element: string): Promise<number>;
  /** Takes so many texts off the front of a list. */
  lpop(key: string, count: number): Promise<string[] | null>;
}

/** Kept in Postgres, per config; keys have up to 200 characters as JSON, values 2 MB. */
export interface PluginStorage {
  /** The value of a key; the default where there is none. */
  get(key: unknown, defaultValue?: unknown): Promise<unknown>;
  /** Keeps a JSON value; `undefined` deletes. */
  set(key: unknown, value: unknown): Promise<void>;
  /** Deletes a key. */
  del(key: unknown): Promise<void>;
}

/** Numbers in the storage that several servers move without losing a step. */
export interface Cursor {
  /** Begins with a number, unless there is one. */
  init(key: string, initialValue?: number): Promise<void>;
  /** Moves it; the new number. Rejects where there is none. */
  increment(key: string, incrementBy?: number): Promise<number>;
}

/** A place, as MaxMind's City database describes it. */
export interface GeoIpPlace {
  /** Names by language. */
  names?: Record<string, string>;
  /** MaxMind's own number of it. */
  geonameId?: number;
  /** Two letters, of countries and subdivisions. */
  isoCode?: string;
  /** Two letters, of continents. */
  code?: string;
}

/** What is known of an address. */
export interface GeoIpRecord {
  /** The city. */
  city?: GeoIpPlace;
  /** The continent. */
  continent?: GeoIpPlace;
  /** The country. */
  country?: GeoIpPlace;
  /** Where it is. */
  location?: { latitude?: number; longitude?: number; timeZone?: string; accuracyRadius?: number };
  /** The postal code. */
  postal?: { code?: string };
  /** States or provinces, the largest first. */
  subdivisions?: GeoIpPlace[];
}

/** Where addresses are. */
export interface GeoIp {
  /** Null where nothing is known; rejects where the server has no database. */
  locate(ip: string): Promise<GeoIpRecord | null>;
}

/** A unit of time, in the singular or the plural. */
export type TimeUnit = `${
  | "millisecond"
  | "second"
  | "minute"
  | "hour"
  | "day"
  | "week"
  | "month"
  | "quarter"
  | "year"}${
  | ""
  | "s"}`;

/** A job with its payload, before it is said when it is to be run. */
export interface JobControls {
  /** At once. */
  runNow(): Promise<void>;
  /** After so long. */
  runIn(duration: number, unit: TimeUnit): Promise<void>;
  /** At a moment. */
  runAt(date: Date): Promise<void>;
}

/** How the numbers of a metric become one. */
export type MetricType = "sum" | "max" | "min";

/** The one function that a metric has. */
export interface MetricControls {
  /** Of a sum: adds a number, or 1. */
  increment(value?: number): void;
  /** Of a maximum: takes a number into account. */
  max(value: number): void;
  /** Of a minimum: takes a number into account. */
  min(value: number): void;
}

/** Which of its functions a metric has. */
export type MetricFunction<Type extends MetricType> = Type extends "sum" ? "increment" : Type;

/** The member of an input, or what it is where the input does not say. */
export type Given<Input extends PluginInput, Key extends keyof PluginInput, Otherwise> =
  Input[Key] extends NonNullable<PluginInput[Key]> ? Input[Key] : Otherwise;

/** What every function of a plugin is given, last. */
export interface Meta<Input extends PluginInput = PluginInput> {
  /** Values of the config; assigning to them changes this copy only. */
  config: Given<Input, "config", Properties>;
  /** Lives as long as the process; a plugin under load has several. */
  global: Partial<Given<Input, "global", Properties>>;
  /** Uploaded files by key. */
  attachments: Given<Input, "attachments", Record<string, PluginAttachment | undefined>>;
  /** Shared by all processes and servers, and may be gone tomorrow. */
  cache: PluginCache;
  /** Shared by all processes and servers, and stays. */
  storage: PluginStorage;
  /** Where addresses are. */
  geoip: GeoIp;
  /** Functions that make jobs, by name. */
  jobs: {
    [Name in keyof Given<Input, "jobs", Record<string, unknown>>]: (
      payload?: Given<Input, "jobs", Record<string, unknown>>[Name],
    ) => JobControls;
  };
  /** Metrics that the plugin declares, by name. */
  metrics: {
    [Name in keyof Given<Input, "metrics", Record<string, MetricType>>]: Pick<
      MetricControls,
      MetricFunction<Given<Input, "metrics", Record<string, MetricType>>[Name]>
    >;
  };
  /** Small tools. */
  utils: { cursor: Cursor };
}

/** A function's result, at once or later. */
export type Awaitable<T> = T | Promise<T>;

/** What a plugin may export. */
export interface Plugin<Input extends PluginInput = PluginInput> {
  /** Before the first event. */
  setupPlugin?(meta: Meta<Input>): Awaitable<void>;
  /** Before the process ends. */
  teardownPlugin?(meta: Meta<Input>): Awaitable<void>;
  /** For every event but `$snapshot`; nothing drops it. */
  processEvent?(event: PluginEvent, meta: Meta<Input>): Awaitable<PluginEvent | null | undefined>;
  /** Instead of `processEvent`: a batch of one team's events; those left out are dropped. */
  processEventBatch?(
    events: PluginEvent[],
    meta: Meta<Input>,
  ): Awaitable<(PluginEvent | null | undefined)[]>;
  /** For every stored event but `$snapshot`. */
  onEvent?(event: PluginEvent, meta: Meta<Input>): Awaitable<void>;
  /** For every stored `$snapshot`. */
  onSnapshot?(event: PluginEvent, meta: Meta<Input>): Awaitable<void>;
  /** For batches of stored events; a `RetryError` has it called again later. */
  exportEvents?(events: PluginEvent[], meta: Meta<Input>): Awaitable<void>;
  /** At the start of every minute. */
  runEveryMinute?(meta: Meta<Input>): Awaitable<void>;
  /** At the start of every hour. */
  runEveryHour?(meta: Meta<Input>): Awaitable<void>;
  /** At the start of every day. */
  runEveryDay?(meta: Meta<Input>): Awaitable<void>;
  /** Work that is asked for by `meta.jobs`. */
  jobs?: {
    [Name in keyof Given<Input, "jobs", Record<string, unknown>>]: (
      payload: Given<Input, "jobs", Record<string, unknown>>[Name],
      meta: Meta<Input>,
    ) => Awaitable<void>;
  };
  /** What the plugin counts, by name. */
  metrics?: Given<Input, "metrics", Record<string, MetricType>>;
}

/** What a request to PostHog's application may say. */
export interface ApiOptions {
  /** With both keys: any host that the plugin was granted. */
  host?: string;
  /** Added to the request's. */
  headers?: Record<string, string>;
  /** The query; the JSON body of `post` and `put`. */
  data?: Record<string, unknown>;
  /** Instead of the project's own; together with `personalApiKey`. */
  projectApiKey?: string;
  /** Instead of the server's own; together with `projectApiKey`. */
  personalApiKey?: string;
}

/** The API of PostHog's application, at the server's `SITE_URL`. */
export interface PosthogApi {
  /** Asks. */
  get(path: string, options?: ApiOptions): Promise<Response>;
  /** Makes something. */
  post(path: string, options?: ApiOptions): Promise<Response>;
  /** Replaces something. */
  put(path: string, options?: ApiOptions): Promise<Response>;
  /** Deletes something. */
  delete(path: string, options?: ApiOptions): Promise<Response>;
}

/** The global `posthog`: `declare const posthog: Posthog`. */
export interface Posthog {
  /** Puts an event into the team's queue; `distinct_id` and `timestamp` are taken from properties. */
  capture(event: string, properties?: Properties): Promise<void>;
  /** PostHog's application. */
  api: PosthogApi;
}
