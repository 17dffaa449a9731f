// Names of principals, and what they tell, by the sources that are configured: for verbs that know somebody by a name alone. What a
// name does not hold is not guessed.

import type { Configuration } from './compose-configuration.ts';
import { kindOf } from './compose-kinds.ts';
import { CLIENTS_SOURCE } from './core/client.ts';
import type { JsonObject } from './core/json.ts';
import { CLIENT } from './platforms/client.ts';
import { claimsInName, type NamedSource } from './verifiers/name-read.ts';

/** Every source in whose name somebody can be. */
export const namedSources = ({ sources, clients, config }: Configuration): readonly NamedSource[] => [
  ...sources.map(({ config: { name, kind, issuer } }) => ({ name, issuer, table: kindOf({ kind }).table })),
  ...(clients.length > 0 ? [{ name: CLIENTS_SOURCE, issuer: config.issuer, table: CLIENT }] : []),
];

/** The claims that a name tells, as it is issued; none of a name that is in no source. */
export function createTold(configuration: Configuration): (source: string, name: string) => JsonObject {
  const tables = new Map(namedSources(configuration).map(({ name, table }) => [name, table]));
  return (source, name) => {
    const table = tables.get(source);
    const own = name.startsWith(`${source}:`) ? name.slice(source.length + 1) : name;
    return (table && claimsInName(table, own)) ?? {};
  };
}
