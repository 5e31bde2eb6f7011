/** Event names out of a list that a person typed. */
export function countedEvents(list: string): Set<string> {
  return new Set(list.split(",").map((name) => name.trim()).filter((name) => name !== ""));
}
