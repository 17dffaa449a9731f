// What a reload may not change: settings that are fixed while the process runs, and what a running source's name stands for.
// A reload that would change one of them says so and changes nothing: a name must not come to mean somebody else.

import type { Config, SourceConfig } from './config.ts';

/** Paths in exchequer.yaml that differ and need a restart. The contents of TLS files are not among them. */
export function restartNeeded(before: Config, after: Config): readonly string[] {
  const [old, now] = [fixed(before), fixed(after)];
  return [...old].filter(([path, value]) => now.get(path) !== value).map(([path]) => path);
}

/**
 * Sources whose name would come to mean another issuer or trust domain: rules, blocks and issued names that say `<source>:...`
 * would then speak of strangers. Sentences, one for each.
 */
export function renamedSources(before: Config, after: Config): readonly string[] {
  const now = new Map(after.sources.map((source) => [source.name, source]));
  return before.sources.flatMap((old) => {
    const source = now.get(old.name);
    return source && source.issuer !== old.issuer ? [renamed(source, old)] : [];
  });
}

const renamed = ({ name, issuer }: SourceConfig, old: SourceConfig): string =>
  `trust.${name} proves ${old.issuer} while the broker runs and cannot become ${issuer}: use another name, or restart`;

const fixed = (config: Config): ReadonlyMap<string, string> =>
  new Map([
    ['issuer', config.issuer],
    ['listen.address', addressOf(config.listen)],
    ['listen.tls.certificate', config.listen.tls.certificate],
    ['listen.tls.key', config.listen.tls.key],
    ['observe.address', addressOf(config.observe)],
    ['control.socket', config.control.socket],
    ['store.directory', config.store.directory],
    ['keys.directory', config.keys.directory],
    ['audit.to', config.audit.to],
    ['audit.sync', String(config.audit.sync)],
  ]);

const addressOf = ({ host, port }: { readonly host: string; readonly port: number }): string => `${host} ${port}`;
