// What the verbs that walk policies are made of (`can`, `who-can`, `diff OLD NEW`): configurations that are loaded as `check` loads them, and
// rules as people and scripts read them. Nobody is called.

import type { Command } from 'commander';
import { type CanEntry, type CanTools, registerCan } from './adapters/cli/can.ts';
import { type DiffRead, registerDiff, type ShownChanges } from './adapters/cli/diff.ts';
import type { Terminal } from './adapters/cli/terminal.ts';
import { registerWhoCan, type WhoCanTools } from './adapters/cli/who-can.ts';
import { assumedClient } from './compose-clients.ts';
import { type Configuration, readOffline, type World } from './compose-configuration.ts';
import { namedSources } from './compose-names.ts';
import { againstTools } from './compose-record-tools.ts';
import { conditionShown, entryShown, requirements } from './compose-shown.ts';
import { claimKey } from './core/claim-path.ts';
import { CLIENTS_SOURCE } from './core/client.ts';
import { isMap } from './parsing/yaml.ts';
import { SELF } from './platforms/self.ts';
import { confirmText } from './policy/confirm.ts';
import { can } from './policy/walk/can.ts';
import { diffPolicies, type OneWay, type Side } from './policy/walk/diff.ts';
import { type Knowledge, type KnowledgeOf, knowing, UNKNOWN } from './policy/walk/known.ts';
import { whoCan } from './policy/walk/walk.ts';
import type { PartialPrincipal } from './policy/walk/weigh.ts';
import { type NameRead, readIdentity } from './verifiers/name-read.ts';

/** Adds the verbs to the program. */
export function registerPolicyTools(program: Command, terminal: Terminal, world: World): void {
  registerCan(program, terminal, canTools(world));
  registerWhoCan(program, terminal, whoCanTools(world));
  registerDiff(program, terminal, { ...againstTools(world), diff: (before, after) => diff(world, before, after) });
}

const canTools = (world: World): CanTools => ({
  async can(path, { identity, client, scopes }) {
    const read = await readOffline(world, path);
    if (!read.ok) return read;
    const { configuration } = read;
    const found = readIdentity(namedSources(configuration), identity);
    if (!found.ok) return { ok: false, usage: `${identity} ${found.problem}` };
    const clients = clientPrincipals(configuration);
    if (client !== undefined && !clients.some(({ id }) => id === client))
      return {
        ok: false,
        usage: `${client} is no client; there are: ${clients.map(({ id }) => id).join(', ') || 'none'}`,
      };
    const { source } = found;
    const now = world.clock.nowSeconds();
    const of = (subject: PartialPrincipal) => can(configuration.compiled, { subject, clients, scopes, now });
    const entries = [
      ...of({ source, name: identity, knowledge: toldBy(found.read, source) }),
      // And what is had with a token of ours that is about it.
      ...of({ source: SELF.kind, name: identity, knowledge: ownKnowledge(identity) }),
    ]
      .filter((one) => client === undefined || one.client === client)
      .map((one): CanEntry => {
        const shown = entryShown(one, one.open, one.unless);
        const { denied } = one;
        return {
          ...shown,
          clients: one.client === undefined ? undefined : [one.client],
          denied: denied && { rule: denied.rule.name, at: denied.rule.at },
        };
      });
    return { ok: true, source, entries };
  },
});

const whoCanTools = (world: World): WhoCanTools => ({
  async whoCan(path, { target, scopes }) {
    const read = await readOffline(world, path);
    if (!read.ok) return read;
    const { compiled } = read.configuration;
    const found = whoCan(compiled, { target, scopes, now: world.clock.nowSeconds() });
    const names = compiled.targets.map(({ name }) => name).join(', ');
    if (!found)
      return { ok: false, usage: `${target} is no target, and no rule comes to such an address; there are: ${names}` };
    return {
      ok: true,
      entries: found.entries.map((entry) => entryShown(entry, entry.conditions, entry.cuts)),
      sources: found.sources.map(({ name, require }) => ({ source: name, require: require.map(conditionShown) })),
      requires: found.targets.flatMap(requirements),
    };
  },
});

async function diff(world: World, before: string, after: string): Promise<DiffRead> {
  const [old, fresh] = [await readOffline(world, before), await readOffline(world, after)];
  if (!old.ok) return old;
  if (!fresh.ok) return fresh;
  const [was, is] = [old.configuration, fresh.configuration];
  const { gains, losses } = diffPolicies(sideOf(was), sideOf(is), world.clock.nowSeconds());
  return {
    ok: true,
    gains: changesShown(gains),
    losses: changesShown(losses),
    settings: [
      ...changedIn('trust', sourceTexts(was), sourceTexts(is)),
      ...changedIn('clients', clientTexts(was), clientTexts(is)),
      ...changedIn('targets', targetTexts(was), targetTexts(is)),
    ],
  };
}

/** A principal of one side is one of the other where the same tokens prove it. */
const sideOf = ({ compiled, config, sources }: Configuration): Side => ({
  policy: compiled,
  proofs: new Map([
    ...sources.map(
      ({ config: { name, kind, issuer, audience, otherIssuers, otherAudiences } }) =>
        [name, JSON.stringify([kind, issuer, audience, otherIssuers, otherAudiences])] as const,
    ),
    [CLIENTS_SOURCE, config.issuer],
  ]),
});

const changesShown = ({ entries, denies }: OneWay): ShownChanges => ({
  entries: entries.map((entry) => entryShown(entry, entry.conditions, [])),
  denies: denies.map(({ rule, source, conditions }) => ({
    rule: rule.name,
    at: rule.at,
    source,
    whose: rule.whose,
    targets: rule.deny,
    conditions: conditions.map(conditionShown),
  })),
});

type Texts = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** As written: references stand for secrets, and a path is the same in two folders. */
function written(
  { config }: Configuration,
  what: 'trust' | 'clients',
  name: string,
): Readonly<Record<string, unknown>> {
  const root = isMap(config.document.value) ? config.document.value[what] : undefined;
  const entry = isMap(root) ? root[name] : undefined;
  return isMap(entry) ? entry : {};
}

const clientTexts = (configuration: Configuration): Texts =>
  new Map(
    configuration.clients.map(({ settings: { id } }) => [
      id,
      { definition: JSON.stringify(written(configuration, 'clients', id)) },
    ]),
  );

const sourceTexts = (configuration: Configuration): Texts =>
  new Map(
    configuration.sources.map(({ config: { name, kind, issuer, audience } }) => {
      const found = configuration.compiled.sources.find((source) => source.name === name);
      const require = (found?.require ?? []).map(({ what, expected }) => `${what} ${expected}`).join(', ') || 'nothing';
      const {
        kind: _kind,
        issuer: _issuer,
        audience: _audience,
        require: _require,
        reach: _reach,
        ...others
      } = written(configuration, 'trust', name);
      const reach = found?.reach?.join(', ') ?? 'anything';
      return [name, { kind, issuer, audience, require, reach, 'the rest': JSON.stringify(others) }];
    }),
  );

const targetTexts = ({ compiled }: Configuration): Texts =>
  new Map(
    compiled.targets.map((target) => [
      target.name,
      {
        address: target.address,
        scopes: target.scopes.join(' ') || 'none',
        'default scopes': target.defaultScopes.join(' ') || 'none',
        confirm: Object.entries(target.scopeConfirms)
          .map(([scope, confirm]) => `${scope} ${confirmText(confirm)}`)
          .sort()
          .join('; '),
        lifetime: `${target.lifetimeSecondsMax} s`,
        require: requirements(target).join('; ') || 'nothing',
      },
    ]),
  );

/** Sources, or targets, that are not what they were, in words. */
function changedIn(what: string, before: Texts, after: Texts): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if (!was || !is) return [`${what} ${name} is ${is ? 'new' : 'gone'}`];
    return Object.keys(is)
      .filter((key) => was[key] !== is[key])
      .map((key) => `${what} ${name}: ${key} was ${was[key]}, is ${is[key]}`);
  });
}

/** What a name tells. A registered client has no other claim than its id. */
function toldBy({ claims, others }: NameRead, source: string): KnowledgeOf {
  const told = new Map<string, Knowledge>([
    ...others.map(({ path, value }) => [claimKey(path), { is: 'other', than: value }] as const),
    ...claims.map(({ path, value }) => [claimKey(path), { is: 'known', value }] as const),
  ]);
  const rest: Knowledge = source === CLIENTS_SOURCE ? { is: 'absent' } : UNKNOWN;
  return (path) => told.get(claimKey(path)) ?? rest;
}

/** Of one of our own tokens about somebody: its `sub` is the name. */
const ownKnowledge =
  (name: string): KnowledgeOf =>
  (path) =>
    path.length === 1 && path[0] === 'sub' ? { is: 'known', value: name } : UNKNOWN;

/** Clients, as far as they are known before they ask: a workload that is a client has claims of its own. */
const clientPrincipals = ({ clients, config }: Configuration): { id: string; principal: PartialPrincipal }[] =>
  clients.map(({ settings }) => {
    const { id, principal } = assumedClient(config, settings);
    const told = knowing(principal.claims);
    const isWorkload = settings.method.by === 'spiffe';
    const knowledge: KnowledgeOf = (path) => (isWorkload && told(path).is === 'absent' ? UNKNOWN : told(path));
    return { id, principal: { source: principal.source, name: principal.name, knowledge } };
  });
