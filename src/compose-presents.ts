// Which sources have tokens that only a client may present (TX-12), and rules that name a client which is registered for the tokens of
// none of them: the rule loads, and whatever is asked by it is refused as `client_not_presenter`. A warning, which refuses nothing.

import { parsedOptions } from './compose-clients.ts';
import type { Config, SourceConfig } from './config/config.ts';
import { problemAt } from './parsing/problems.ts';
import type { Problem } from './parsing/yaml.ts';
import { OIDC } from './platforms/oidc.ts';
import { SELF } from './platforms/self.ts';
import { actorMatches, type CompiledPolicy, conditionsOf, type SourceMatch } from './policy/compiled.ts';
import { display } from './policy/evaluate.ts';

/** Whether tokens of this source are taken from a client alone. */
export const isPresented = ({ kind, options }: Pick<SourceConfig, 'kind' | 'options'>): boolean =>
  kind === SELF.kind || (kind === OIDC.kind && options.presenter !== 'self');

/** One for each client and what it lacks, at the client. */
export function presentsWarnings(config: Config, { rules }: Pick<CompiledPolicy, 'rules'>): readonly Problem[] {
  const sources = new Map(config.sources.map((source) => [source.name, source]));
  const presents = new Map(config.clients.map(({ id, options }) => [id, parsedOptions(options).presents]));
  const warnings = new Map<string, Problem>();
  for (const rule of rules) {
    if (rule.effect === 'deny') continue;
    for (const matches of [rule.matches, actorMatches(rule)]) {
      const wanted = matches.map((match) => audiencesOf(sources.get(match.source), match));
      const known = wanted.flatMap((audiences) => audiences ?? []);
      // A source whose tokens anybody presents, or whose audience cannot be told, lets the client in.
      if (known.length === 0 || wanted.includes(undefined)) continue;
      for (const id of rule.clients ?? []) {
        if (known.some((audience) => presents.get(id)?.includes(audience))) continue;
        const lacking = [...new Set(known)].map(display).join(' or ');
        const message = `lacks ${lacking}: rule ${rule.name.replace(/\[.*$/s, '')} (${rule.at}) is about tokens for it, which this client may not present`;
        const key = JSON.stringify([id, lacking]);
        if (!warnings.has(key)) warnings.set(key, problemAt(config.document, ['clients', id, 'presents'], message));
      }
    }
  }
  return [...warnings.values()];
}

/** The `aud` of the tokens that a rule is about, for the source; undefined where a client needs no registration, or it is not told. */
function audiencesOf(source: SourceConfig | undefined, match: SourceMatch): readonly string[] | undefined {
  if (!source || !isPresented(source)) return undefined;
  if (source.kind !== SELF.kind) return [source.audience];
  const named = conditionsOf(match).find(({ path }) => path.length === 1 && path[0] === 'aud');
  const exact = named?.values.filter((value) => typeof value === 'string');
  return exact?.length ? exact : undefined;
}
