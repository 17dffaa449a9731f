// What no single place in exchequer.yaml shows to be wrong: two sources that could both be responsible for one token, a source
// that claims to be us, two targets that one request could mean (row RI-04) or one assertion could open (row CX-02), a `reach` or a
// folder that names what is not there, keys that clouds learn of too late (row CX-03).

import { CLIENTS_SOURCE } from '../core/client.ts';
import { CLOUD_PUBLISH_AHEAD_SECONDS_MIN } from '../core/limits-cloud.ts';
import { closest } from '../parsing/closest.ts';
import { overlap } from '../parsing/overlap.ts';
import { parametersIn } from '../parsing/template.ts';
import { canonicalResource } from '../parsing/uri.ts';
import type { YamlPath } from '../parsing/yaml.ts';
import type { SourceConfig, TargetConfig } from './config.ts';
import type { PolicyFolder } from './policies.ts';

/** A path in exchequer.yaml and what is wrong there. */
export interface Clash {
  readonly path: YamlPath;
  readonly message: string;
}

/** Of what was written: our issuer, the folders of policies, and the calendar of our keys in seconds. */
interface Written {
  readonly issuer: string;
  readonly policies: readonly PolicyFolder[];
  readonly keys: { readonly publishAhead: number };
}

/** Every clash; the later of two entries is named. */
export const clashes = (
  { issuer, policies, keys }: Written,
  sources: readonly SourceConfig[],
  targets: readonly TargetConfig[],
): readonly Clash[] => [
  ...sourceClashes(issuer, sources),
  ...targetClashes(issuer, targets),
  ...audienceClashes(issuer, targets),
  ...calendarClashes(keys.publishAhead, targets),
  ...strangers(sources, targets, policies),
];

/** Names in `reach` and in the scopes of folders that are no source, or no target. */
function* strangers(
  sources: readonly SourceConfig[],
  targets: readonly TargetConfig[],
  policies: readonly PolicyFolder[],
): Generator<Clash> {
  const targetNames = targets.map(({ name }) => name);
  const sourceNames = [...sources.map(({ name }) => name), CLIENTS_SOURCE];
  for (const { name, reach } of sources) yield* unknown(['trust', name, 'reach'], reach, targetNames, 'target');
  for (const [index, folder] of policies.entries()) {
    if (typeof folder === 'string') continue;
    yield* unknown(['policies', index, 'trust'], folder.trust, sourceNames, 'trust source');
    yield* unknown(['policies', index, 'reach'], folder.reach, targetNames, 'target');
  }
}

function* unknown(
  path: YamlPath,
  names: readonly string[] | undefined,
  known: readonly string[],
  what: string,
): Generator<Clash> {
  for (const [index, name] of (names ?? []).entries()) {
    if (known.includes(name)) continue;
    const near = closest(name, known);
    yield {
      path: [...path, index],
      message: `${name} is no ${what}${near === undefined ? '' : `; did you mean ${near}?`}`,
    };
  }
}

function* sourceClashes(issuer: string, sources: readonly SourceConfig[]): Generator<Clash> {
  for (const [index, source] of sources.entries()) {
    const path = ['trust', source.name];
    if (source.kind !== 'self' && issuersOf(source).includes(issuer))
      yield { path, message: 'has our own issuer; own tokens are the source `self`' };
    for (const before of sources.slice(0, index)) {
      const message = sourceClash(before, source);
      if (message) yield { path, message };
    }
  }
}

const issuersOf = ({ issuer, otherIssuers }: SourceConfig): readonly string[] => [issuer, ...otherIssuers];

function sourceClash(before: SourceConfig, source: SourceConfig): string | undefined {
  if (before.alone && source.kind === before.kind)
    return `is of the kind of \`${before.name}\`, and nothing in its credentials would tell which of them is meant`;
  if (!issuersOf(before).some((one) => issuersOf(source).includes(one))) return undefined;
  // The trust domain alone decides who proves a SPIFFE ID; audiences do not tell two of them apart.
  if (source.issuer.startsWith('spiffe://')) return `has the trust domain of \`${before.name}\``;
  if (before.audience === source.audience) return `has the issuer and the audience of \`${before.name}\``;
  if (before.otherAudiences || source.otherAudiences)
    return `has the issuer of \`${before.name}\`, and \`otherAudiences: allow\` leaves open which of them a token is for`;
  return undefined;
}

function* targetClashes(issuer: string, targets: readonly TargetConfig[]): Generator<Clash> {
  const byAddress = new Map<string, string>();
  const names = new Set(targets.map(({ name }) => name));
  for (const target of targets) {
    const path = ['targets', target.name];
    const address = canonicalResource(target.address);
    const before = byAddress.get(address);
    if (address === canonicalResource(issuer)) yield { path, message: 'has our own issuer as its address' };
    else if (before !== undefined) yield { path, message: `has the address of \`${before}\`` };
    else if (target.address !== target.name && names.has(target.address))
      yield { path, message: 'has the name of another target as its address' };
    byAddress.set(address, before ?? target.name);
  }
}

/** The lint by which a target of a cloud accepts that others have its audience too. */
const SHARED_AUDIENCE = 'shared-audience';

/**
 * What is signed for one target must open no other. Two of one cloud may share an audience where both accept it: then `sub` alone keeps
 * them apart.
 */
function* audienceClashes(issuer: string, targets: readonly TargetConfig[]): Generator<Clash> {
  const fixed = new Map<string, TargetConfig>();
  const open: TargetConfig[] = [];
  for (const target of targets) {
    const isOpen = parametersIn(target.signedFor).length > 0;
    const near = isOpen
      ? [...open, ...fixed.values()].find((one) => clash(one, target))
      : ([fixed.get(target.signedFor) ?? []].flat().find((one) => clash(one, target)) ??
        open.find((one) => clash(one, target)));
    const path = ['targets', target.name];
    if (target.cloud && target.signedFor === issuer) yield { path, message: 'has our own issuer as its audience' };
    else if (near) yield { path, message: `is signed for the audience of \`${near.name}\`: one would open the other` };
    if (isOpen) open.push(target);
    else fixed.set(target.signedFor, fixed.get(target.signedFor) ?? target);
  }
}

/** Addresses of two token targets are compared as addresses. */
const clash = (before: TargetConfig, target: TargetConfig): boolean =>
  (before.cloud || target.cloud) &&
  overlap(before.signedFor, target.signedFor) &&
  !(accepts(before) && accepts(target));

const accepts = ({ cloud, accept }: TargetConfig): boolean => cloud && Object.hasOwn(accept, SHARED_AUDIENCE);

/** Clouds keep our keys for up to a day: what they have not seen by then, they refuse. */
function* calendarClashes(publishAheadSeconds: number, targets: readonly TargetConfig[]): Generator<Clash> {
  const target = targets.find(({ cloud }) => cloud);
  if (target && publishAheadSeconds < CLOUD_PUBLISH_AHEAD_SECONDS_MIN)
    yield {
      path: ['keys', 'publishAhead'],
      message: `must be 24 hours at least: \`${target.name}\` is of a cloud, and clouds keep our keys for a day`,
    };
}
