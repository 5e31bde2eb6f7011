/**
 * Asks until the answer is yes.
 * @throws Error after `patienceMs`, which is generous: a test never waits that long if all is well
 */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  patienceMs = 20_000,
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!await isSo()) {
    if (performance.now() > end) throw new Error(`not so within ${patienceMs / 1000} s: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
