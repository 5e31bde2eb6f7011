/** Settings of jobs, and of what is told of actions. */
import type { Setting } from "../setting.ts";
import { boolean, list, number, SECRET, text } from "./kinds.ts";

export const JOB_SETTINGS = {
  JOB_QUEUES: list("Jobs", ["graphile"], "Job queues, in the order in which they are tried."),
  JOB_QUEUE_GRAPHILE_URL: text(
    "Jobs",
    "",
    "Postgres of the job queue; empty is the main one.",
    SECRET,
  ),
  JOB_QUEUE_GRAPHILE_SCHEMA: text("Jobs", "graphile_worker", "Schema of the job queue."),
  JOB_QUEUE_GRAPHILE_PREPARED_STATEMENTS: boolean(
    "Jobs",
    false,
    "Use prepared statements for jobs; not behind a pooling proxy.",
  ),
  JOB_QUEUE_S3_AWS_ACCESS_KEY: text("Jobs", "", "Accepted; the job queue is in Postgres.", SECRET),
  JOB_QUEUE_S3_AWS_SECRET_ACCESS_KEY: text(
    "Jobs",
    "",
    "Accepted; the job queue is in Postgres.",
    SECRET,
  ),
  JOB_QUEUE_S3_AWS_REGION: text("Jobs", "us-west-1", "Accepted; the job queue is in Postgres."),
  JOB_QUEUE_S3_BUCKET_NAME: text("Jobs", "", "Accepted; the job queue is in Postgres."),
  JOB_QUEUE_S3_PREFIX: text("Jobs", "", "Accepted; the job queue is in Postgres."),
  JOB_CONCURRENCY: number("Jobs", 50, "Jobs that a server runs at a time.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  JOB_ATTEMPTS: number(
    "Jobs",
    10,
    "How often a plugin's job is tried that throws a RetryError or does not come to an end.",
    { min: 1, max: 1000, integer: true },
  ),
  JOB_RETRY_SECONDS: number(
    "Jobs",
    3,
    "The first wait before a plugin's job is tried again; each is twice the one before.",
    { min: 0 },
  ),
  EXPORT_ATTEMPTS: number(
    "Jobs",
    15,
    "How often a batch is tried again that exportEvents could not export.",
    { min: 1, max: 1000, integer: true },
  ),
  EXPORT_RETRY_SECONDS: number(
    "Jobs",
    6,
    "The first wait before a batch is exported again; each is twice the one before.",
    { min: 0 },
  ),
  JOB_MAX_PER_CONFIG: number(
    "Jobs",
    100000,
    "Jobs of one plugin config that may wait; what it asks for beyond is refused.",
    { min: 1, integer: true },
  ),
  JOB_DEAD_RETENTION_DAYS: number(
    "Jobs",
    7,
    "Dead jobs that nobody tried again ('paddock jobs') are dropped after so long.",
    { min: 1 },
  ),
  CRASH_IF_NO_PERSISTENT_JOB_QUEUE: boolean("Jobs", false, "Do not start without a job queue."),
  HOOK_NET_GRANTS: list(
    "Actions",
    [],
    "Private addresses that webhooks and REST hooks may reach: address or address:port.",
  ),
  HOOK_TIMEOUT_SECONDS: number("Actions", 10, "Seconds that one request to a hook may take.", {
    min: 0.1,
  }),
  HOOK_CONCURRENCY: number("Actions", 20, "Requests to hooks that a server makes at a time.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  HOOK_MAX_PER_TEAM: number(
    "Actions",
    100000,
    "Requests to a team's hooks that may wait; what comes beyond is dropped, and said.",
    { min: 1, integer: true },
  ),
  HOOK_ATTEMPTS: number("Actions", 10, "How often a hook that does not answer is tried.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  HOOK_RETRY_SECONDS: number(
    "Actions",
    5,
    "The first wait before a hook is tried again; each is twice the one before.",
    { min: 0 },
  ),
} as const satisfies Record<string, Setting>;
