import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { MASK, SecretValues } from "../../src/telemetry/secret_values.ts";

const AWKWARD = `a"b\\c/d ü\n%41&<🦔>`;

Deno.test("a secret is masked wherever it stands and however it is written", () => {
  const secrets = new SecretValues();
  const text = "key sk-123456 and key sk-123456.";
  assert.equal(secrets.mask(text), text);
  secrets.replace(["sk-123456", AWKWARD, "sk-123456-longer", "short"]);
  assert.equal(secrets.mask(text), `key ${MASK} and key ${MASK}.`);
  assert.equal(secrets.mask("sk-123456-longer!"), `${MASK}!`);
  assert.equal(
    secrets.mask("sk-12345 is not it, nor is short"),
    "sk-12345 is not it, nor is short",
  );
  for (
    const written of [
      AWKWARD,
      JSON.stringify(AWKWARD),
      JSON.stringify({ nested: JSON.stringify({ AWKWARD }) }),
      `https://a/?q=${encodeURIComponent(AWKWARD)}`,
      `Basic ${Buffer.from(AWKWARD).toString("base64")}`,
    ]
  ) {
    const masked = secrets.mask(written);
    assert.ok(masked.includes(MASK) && !masked.includes("🦔") && !masked.includes("%3C"), masked);
  }
  assert.deepEqual(JSON.parse(secrets.mask(JSON.stringify({ [AWKWARD]: [AWKWARD] }))), {
    [MASK]: [MASK],
  });
});

Deno.test("a secret at the end of a text that was cut is masked; replaced ones stay for one more time", () => {
  const secrets = new SecretValues();
  secrets.replace(["abcdefghijkl"]);
  assert.equal(secrets.mask("it is abcdefgh"), `it is ${MASK}`);
  assert.equal(secrets.mask("it is abcde"), "it is abcde");
  secrets.replace(["mnopqrstuvwx"]);
  assert.equal(secrets.mask("abcdefghijkl mnopqrstuvwx"), `${MASK} ${MASK}`);
  secrets.replace(["mnopqrstuvwx"]);
  assert.equal(secrets.mask("abcdefghijkl mnopqrstuvwx"), `abcdefghijkl ${MASK}`);
});

Deno.test("thousands of secrets in a large text: each is found, and it is quick enough to be used", () => {
  const secrets = new SecretValues();
  const values = Array.from({ length: 5_000 }, (_, index) => `secret value number ${index}!`);
  secrets.replace(values);
  const filler = "some text that has nothing to do with it; ".repeat(20_000);
  const masked = secrets.mask(
    values.map((value) => filler.slice(0, 200) + value).join("") + filler,
  );
  assert.equal(masked.split(MASK).length - 1, values.length);
  assert.doesNotMatch(masked, /secret value/);
});
