/** What plugins are told of an address: MaxMind's City record, its names in camel case. */

const TRAITS = [
  "isAnonymous",
  "isAnonymousProxy",
  "isAnonymousVpn",
  "isHostingProvider",
  "isLegitimateProxy",
  "isPublicProxy",
  "isResidentialProxy",
  "isSatelliteProvider",
  "isTorExitNode",
];

/**
 * A City record for one address, as JSON text in two parts: many addresses share the first, and a
 * text is put together faster than an object is built and written out.
 */
export interface City {
  readonly shared: string;
  readonly rest: string;
}

/**
 * What is known of all addresses of a record: the `shared` of them.
 * @param record as the database has it, with names like `geoname_id`
 */
export function sharedPart(record: object): string {
  const { traits, registeredCountry, ...city } = camelCased(record) as Record<string, object>;
  const text = JSON.stringify({
    ...city,
    ...(registeredCountry === undefined ? {} : {
      registeredCountry: { isInEuropeanUnion: false, ...registeredCountry },
    }),
    traits: { ...Object.fromEntries(TRAITS.map((trait) => [trait, false])), ...traits },
  });
  return text.slice(0, -"}}".length);
}

/** @param network the range that the record is about, in CIDR notation */
export function cityOf(shared: string, ipAddress: string, network: string): City {
  return { shared, rest: `,"ipAddress":${JSON.stringify(ipAddress)},"network":"${network}"}}` };
}

/** As an object. */
export function readCity({ shared, rest }: City): unknown {
  return JSON.parse(shared + rest);
}

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
      camelCased(inner),
    ]),
  );
}
