/** Certificates in PEM, of an authority that is made for one test. */
export interface TestCertificates {
  readonly ca: string;
  /** An authority that signed nothing. */
  readonly otherCa: string;
  readonly certificate: string;
  readonly key: string;
}

const SCRIPT = `
for ca in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout $ca.key -out $ca.crt -subj /CN=$ca
done
echo subjectAltName=IP:127.0.0.1 > local.ext
for name in broker client local; do
  openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name.invalid
  extensions=""
  if [ -f $name.ext ]; then extensions="-extfile $name.ext"; fi
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
    $extensions -out $name.crt
done
cat broker.key broker.crt ca.crt > broker.pem`;

/**
 * Makes them as files in a folder: `broker` and `client`, which name no host, and `local`, which is
 * good for 127.0.0.1. Resolves with the client's.
 */
export async function makeCertificates(directory: string): Promise<TestCertificates> {
  const { success, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-e", "-c", SCRIPT],
    cwd: directory,
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const read = (name: string) => Deno.readTextFile(`${directory}/${name}`);
  return {
    ca: await read("ca.crt"),
    otherCa: await read("other.crt"),
    certificate: await read("client.crt"),
    key: await read("client.key"),
  };
}
