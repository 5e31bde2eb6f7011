/** What plugins are told of an address: MaxMind's City record, its names in camel case. */

/** A City record as plugins get it; what the database does not know is absent. */
export type City = Readonly<Record<string, unknown>>;

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

/** @param record as the database has it, with names like `geoname_id` */
export function cityOf(record: object): City {
  const city = camelCased(record) as Record<string, Record<string, unknown> | undefined>;
  const { registeredCountry } = city;
  return {
    ...city,
    ...(registeredCountry === undefined ? {} : {
      registeredCountry: {
        ...registeredCountry,
        isInEuropeanUnion: registeredCountry.isInEuropeanUnion ?? false,
      },
    }),
    traits: {
      ...Object.fromEntries(TRAITS.map((trait) => [trait, false])),
      ...city.traits,
    },
  };
}

/** The same record for one of its addresses, with the range that it is about in CIDR notation. */
export function withAddress(city: City, ipAddress: string, network: string): City {
  return { ...city, traits: { ...(city.traits as object), ipAddress, network } };
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
