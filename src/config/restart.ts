// What a reload may not change: settings that are fixed while the process runs, and what a running source's name stands for.
// A reload that would change one of them says so and changes nothing: a name must not come to mean somebody else.

import type { Config, SourceConfig } from './config.ts';

/** Paths in exchequer.yaml that differ and need a restart. The contents of TLS files are not among them. */
export function restartNeeded(before: Config, after: Config): readonly string[] {
  const [old, now] = [fixed(before), fixed(after)];
  return [...old].filter(([path, value]) => now.get(path) !== value).map(([path]) => path);
}

/** What every source name has stood for since the process started: every `iss`, or `spiffe://<trust domain>`, by name. */
export type SourceNames = ReadonlyMap<string, string>;

/** The names so far, and those of a configuration that is about to run. */
export const withNamesOf = (known: SourceNames, { sources }: Config): SourceNames =>
  new Map([...known, ...sources.map((source) => [source.name, issuersOf(source)] as const)]);

const issuersOf = ({ issuer, otherIssuers }: SourceConfig): string => [issuer, ...otherIssuers].join(', ');

/**
 * Sources whose name would come to mean another issuer or trust domain: rules, blocks and issued names that say `<source>:...`
 * would then speak of strangers. A name that was removed keeps its meaning. Sentences, one for each.
 */
export const renamedSources = (known: SourceNames, after: Config): readonly string[] =>
  after.sources.flatMap((source) => {
    const issuers = known.get(source.name);
    return issuers === undefined || issuers === issuersOf(source) ? [] : [renamed(source, issuers)];
  });

const renamed = (source: SourceConfig, old: string): string =>
  `trust.${source.name} proves ${old} while the broker runs and cannot become ${issuersOf(source)}: use another name, or restart`;

const fixed = (config: Config): ReadonlyMap<string, string> =>
  new Map([
    ['issuer', config.issuer],
    ['listen.address', addressOf(config.listen)],
    ['listen.tls', 'workloadApi' in config.listen.tls ? config.listen.tls.workloadApi : ''],
    ['listen.tls.certificate', 'certificate' in config.listen.tls ? config.listen.tls.certificate : ''],
    ['listen.tls.key', 'certificate' in config.listen.tls ? config.listen.tls.key : ''],
    ['observe.address', addressOf(config.observe)],
    ['control.socket', config.control.socket],
    ['store.directory', 'directory' in config.store ? config.store.directory : ''],
    ['store.redis', 'redis' in config.store ? JSON.stringify(config.store.redis) : ''],
    ['keys.directory', config.keys.directory],
    ['audit.to', config.audit.to],
    ['audit.sync', String(config.audit.sync)],
  ]);

const addressOf = ({ host, port }: { readonly host: string; readonly port: number }): string => `${host} ${port}`;
