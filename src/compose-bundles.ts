// What an operator is told of trust bundles, and what refuses nothing: entries of a bundle file that are not used, a bundle that proves
// nobody, and one root in the bundles of two trust domains (SPIFFE Trust Domain and Bundle §6.2, SB-07), at every load and when
// bundles that were fetched change.

import type { Logger } from 'pino';
import type { Config, SourceConfig } from './config/config.ts';
import type { CachedKeys } from './keys/key-caches.ts';
import { type SharedAuthority, sharedAuthorities } from './keys/shared-authorities.ts';
import { problemAt } from './parsing/problems.ts';
import type { Problem } from './parsing/yaml.ts';
import { SPIFFE } from './platforms/spiffe.ts';

/** A trust source, of any kind, with its keys. */
interface Source {
  readonly config: SourceConfig;
  readonly keys: CachedKeys;
}

/** Warnings about the bundles of a configuration, as far as they are known by now: those of files are. */
export const bundleWarnings = (config: Config, sources: readonly Source[]): readonly Problem[] => [
  ...sources.flatMap((source) => entryWarnings(config, source)),
  ...sharedRoots(sources).map((shared) => problemAt(config.document, ['trust'], sentence(shared))),
];

/**
 * Entries that were meant for us and are not used. Those of a use that another consumer of the bundle may know are left alone
 * without a word, as SB-04 says, unless nothing else is there: such a file is of another kind.
 */
function entryWarnings({ document }: Config, { config, keys }: Source): readonly Problem[] {
  if (config.kind !== SPIFFE.kind) return [];
  const warn = (message: string) => problemAt(document, ['trust', config.name, 'bundle'], message);
  const ours = keys.ignored.filter(({ foreign }) => foreign !== true);
  const { state, keys: count, authorities = 0 } = keys.keys.status();
  const empty = state === 'fresh' && count === 0 && authorities === 0;
  return [
    ...ours.map(({ index, why }) => warn(`entry ${index + 1} of the file is not used: it ${why}`)),
    ...(empty
      ? [warn('it has no key and no authority that can be used: nobody of the trust domain proves anything')]
      : []),
  ];
}

/** Tells the log of every root that has come to be shared, each once. */
export function createSharedRootNotice(log: Logger, first: readonly Source[]): (now: readonly Source[]) => void {
  let known = new Set(sharedRoots(first).map(sentence));
  return (now) => {
    const shared = sharedRoots(now).map(sentence);
    for (const one of shared) if (!known.has(one)) log.warn(one);
    known = new Set(shared);
  };
}

const sharedRoots = (sources: readonly Source[]): readonly SharedAuthority[] =>
  sharedAuthorities(
    sources.flatMap(({ config, keys }) => {
      const { found } = keys.authorities.current();
      return found === 'unavailable' ? [] : [{ trustDomain: config.issuer.slice(SCHEME.length), authorities: found }];
    }),
  );

const SCHEME = 'spiffe://';

const sentence = ({ sha256, trustDomains }: SharedAuthority): string =>
  `${trustDomains.join(' and ')} share a root (the certificate with SHA-256 ${sha256}): whoever holds its key speaks for each of them`;
