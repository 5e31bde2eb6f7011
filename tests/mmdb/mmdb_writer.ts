/**
 * Writes MaxMind databases: small ones for tests, in the format that MaxMind publishes (version 2.0,
 * records of 24 bits, IPv4 within an IPv6 tree).
 */
import { Buffer } from "node:buffer";
import ipaddr from "ipaddr.js";

type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value };

export interface MmdbOptions {
  readonly type?: string;
  readonly builtAt?: Date;
}

/** A node's two branches: another node, the number of a record, or nothing. */
type Branch = Node | number | null;
type Node = [Branch, Branch];

/** @param networks CIDR → its record */
export function writeMmdb(
  networks: Readonly<Record<string, Value>>,
  { type = "GeoLite2-City", builtAt = new Date() }: MmdbOptions = {},
): Uint8Array<ArrayBuffer> {
  const root: Node = [null, null];
  const offsets: number[] = [];
  const data: Buffer[] = [];
  let size = 0;
  for (const [network, record] of Object.entries(networks)) {
    const encoded = encode(record);
    insert(root, bitsOf(network), offsets.length);
    offsets.push(size);
    data.push(encoded);
    size += encoded.byteLength;
  }
  const nodes = numbered(root);
  const tree = Buffer.alloc(nodes.size * 6);
  for (const [node, number] of nodes) {
    node.forEach((branch, side) => {
      const value = branch === null
        ? nodes.size
        : typeof branch === "number"
        ? nodes.size + 16 + (offsets[branch] as number)
        : nodes.get(branch) as number;
      tree.writeUIntBE(value, number * 6 + side * 3, 3);
    });
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: Math.floor(builtAt.getTime() / 1000),
    database_type: type,
    description: { en: "written by a test" },
    ip_version: 6,
    languages: ["en"],
    node_count: nodes.size,
    record_size: 24,
  });
  const mark = Buffer.concat([Buffer.from("abcdef", "hex"), Buffer.from("MaxMind.com")]);
  return new Uint8Array(Buffer.concat([tree, Buffer.alloc(16), ...data, mark, metadata]));
}

/** The bits of a network in the tree, where IPv4 has the first 96 of them zero. */
function bitsOf(network: string): number[] {
  const [address, prefix] = ipaddr.parseCIDR(network);
  const bytes = address.toByteArray();
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => byte >> (7 - bit) & 1))
    .slice(0, prefix);
  return bytes.length === 4 ? [...new Array<number>(96).fill(0), ...bits] : bits;
}

function insert(root: Node, bits: readonly number[], record: number): void {
  let node = root;
  bits.forEach((bit, depth) => {
    const side = bit as 0 | 1;
    if (depth === bits.length - 1) {
      node[side] = record;
      return;
    }
    const next = node[side];
    if (Array.isArray(next)) node = next;
    else node[side] = node = [null, null];
  });
}

function numbered(root: Node): Map<Node, number> {
  const nodes = new Map<Node, number>();
  const visit = (node: Node) => {
    nodes.set(node, nodes.size);
    for (const branch of node) if (Array.isArray(branch)) visit(branch);
  };
  visit(root);
  return nodes;
}

function encode(value: Value): Buffer {
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(2, bytes.byteLength), bytes]);
  }
  if (typeof value === "boolean") return control(14, value ? 1 : 0);
  if (typeof value === "number") {
    const isWhole = Number.isInteger(value) && value >= 0;
    const bytes = Buffer.alloc(isWhole ? 4 : 8);
    if (isWhole) bytes.writeUInt32BE(value);
    else bytes.writeDoubleBE(value);
    return Buffer.concat([control(isWhole ? 6 : 3, bytes.byteLength), bytes]);
  }
  if (Array.isArray(value)) {
    return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  }
  const entries = Object.entries(value);
  return Buffer.concat([
    control(7, entries.length),
    ...entries.flatMap(([key, inner]) => [encode(key), encode(inner)]),
  ]);
}

/** A value's type and size; the types from 8 on are in a byte of their own. */
function control(type: number, size: number): Buffer {
  const [short, extra] = size < 29
    ? [size, []]
    : size < 285
    ? [29, [size - 29]]
    : [30, [size - 285 >> 8, size - 285 & 255]];
  return Buffer.from(
    type < 8 ? [type << 5 | short, ...extra] : [short, type - 7, ...extra],
  );
}

/** What MaxMind's own test database has of 89.160.20.112/28, with all that a real record has. */
export const LINKOEPING: Value = {
  city: { geoname_id: 2694762, names: { de: "Linköping", en: "Linköping", "zh-CN": "林雪平" } },
  continent: { code: "EU", geoname_id: 6255148, names: { de: "Europa", en: "Europe" } },
  country: {
    geoname_id: 2661886,
    is_in_european_union: true,
    iso_code: "SE",
    names: { de: "Schweden", en: "Sweden", "pt-BR": "Suécia" },
  },
  location: {
    accuracy_radius: 76,
    latitude: 58.4167,
    longitude: 15.6167,
    time_zone: "Europe/Stockholm",
  },
  registered_country: { geoname_id: 2921044, iso_code: "DE", names: { en: "Germany" } },
  subdivisions: [{ geoname_id: 2685867, iso_code: "E", names: { en: "Östergötland County" } }],
};
