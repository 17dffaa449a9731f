// An issuer, or a trust domain, that nobody has configured: which of the configured ones comes nearest, and how they differ. They are
// compared byte for byte, and a slash at the end is a difference. Judges nothing.

import type { Lack } from '../../core/cause.ts';
import type { JsonObject } from '../../core/json.ts';
import { GITHUB_ISSUER } from '../../platforms/github.ts';
import { display, displayAll } from '../evaluate.ts';
import { nearMiss } from './hints.ts';

/** A source, and whom it proves. */
export interface IssuerOf {
  readonly name: string;
  readonly kind: string;
  /** For SPIFFE `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly otherIssuers: readonly string[];
}

interface Nearest {
  readonly source: IssuerOf;
  readonly issuer: string;
  readonly hint: string;
}

const SPIFFE = /^spiffe:\/\/([^/]*)/;

/** What is wrong with an `iss`, or with the trust domain of a `sub`, that leads to none of these sources. */
export function issuerLack({ iss, sub }: JsonObject, sources: readonly IssuerOf[]): Lack {
  const trustDomain = typeof sub === 'string' ? SPIFFE.exec(sub)?.[1] : undefined;
  if (trustDomain !== undefined) return trustDomainLack(trustDomain, sources);
  const near = typeof iss === 'string' ? nearestIssuer(iss, sources) : undefined;
  const others = sources.filter(({ kind }) => kind !== 'spiffe').map(({ issuer }) => issuer);
  return {
    ...(near ? { by: `nearest ${near.source.name}` } : {}),
    what: 'iss',
    presented: iss === undefined ? undefined : display(iss),
    expected: near ? display(near.issuer) : displayAll(others) || 'that of a trust source',
    hint: near?.hint ?? 'no trust source is near: is the token for another broker?',
  };
}

function trustDomainLack(presented: string, sources: readonly IssuerOf[]): Lack {
  const known = sources.flatMap(({ issuer }) => SPIFFE.exec(issuer)?.[1] ?? []);
  const hint = known.map((one) => nearMiss(presented, one)).find((one) => one !== undefined);
  return {
    what: 'trust domain',
    presented: display(presented),
    expected: displayAll(known) || 'that of a spiffe source',
    hint: hint ?? 'keys of one trust domain prove no other',
  };
}

/** The configured issuer that this one was probably meant to be; undefined where none is near. */
export function nearestIssuer(presented: string, sources: readonly IssuerOf[]): Nearest | undefined {
  const known = sources
    .filter(({ kind }) => kind !== 'spiffe')
    .flatMap((source) => [source.issuer, ...source.otherIssuers].map((issuer) => ({ source, issuer })));
  for (const relation of RELATIONS)
    for (const { source, issuer } of known) {
      const hint = relation(presented, issuer);
      if (hint !== undefined) return { source, issuer, hint };
    }
  return undefined;
}

type Relation = (presented: string, issuer: string) => string | undefined;

const CLUSTER_ID = /[0-9A-Fa-f-]{16,}$/;

/** From near to far. */
const RELATIONS: readonly Relation[] = [
  nearMiss,
  (presented, issuer) =>
    (slug(presented) ?? '') !== (slug(issuer) ?? '') && isGithub(presented) && isGithub(issuer)
      ? slugHint(presented, issuer)
      : undefined,
  (presented, issuer) =>
    CLUSTER_ID.test(presented) && CLUSTER_ID.test(issuer) && hostOf(presented) === hostOf(issuer)
      ? 'the id of another cluster, at the same host'
      : undefined,
  (presented, issuer) => (hostOf(presented) === hostOf(issuer) ? 'the same host, another path' : undefined),
  (presented, issuer) =>
    presented.includes('/id/') && issuer.includes('/id/') && domainOf(presented) === domainOf(issuer)
      ? 'another cluster: host and id differ'
      : undefined,
];

const hostOf = (text: string): string | null => URL.parse(text)?.host ?? null;
const domainOf = (text: string): string | undefined => hostOf(text)?.split('.').slice(-2).join('.');

const isGithub = (issuer: string): boolean => issuer === GITHUB_ISSUER || issuer.startsWith(`${GITHUB_ISSUER}/`);
/** The slug with which GitHub Enterprise Cloud makes an issuer its enterprise's own. */
const slug = (issuer: string): string | undefined => issuer.slice(GITHUB_ISSUER.length + 1) || undefined;

function slugHint(presented: string, issuer: string): string {
  const [token, source] = [slug(presented), slug(issuer)];
  if (token === undefined)
    return `the source is for the enterprise ${source}, whose own issuer the token does not have`;
  const has = source === undefined ? 'the source names none' : `the source is for ${source}`;
  return `the token is of the enterprise ${display(token)}: ${has}`;
}
