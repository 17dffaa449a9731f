// Which source is responsible for a credential: exactly one, or none. Our own `iss` is ours; then a `sub` that
// begins `spiffe://` goes to that trust domain and `iss` is ignored; everything else goes by `iss`, byte for byte. Certificates go to
// the trust domain in their leaf's one URI name, signed requests to the one source that takes them. The caller never chooses.

import { namedBeside } from '../core/actor.ts';
import { CLIENTS_SOURCE, type PresentedCertificates } from '../core/client.ts';
import type { JsonObject } from '../core/json.ts';
import type { Verifiers } from '../core/ports.ts';
import type { Actor, Principal, ProvedPrincipal, Role } from '../core/principal.ts';
import { type CredentialRefusal, type Result, refuse, type UnavailableRefusal } from '../core/refusal.ts';
import { AWS_REQUEST_TOKEN_TYPE } from '../core/request.ts';
import { parseJws } from '../parsing/jws.ts';
import { parseSpiffeId } from '../parsing/spiffe-id.ts';
import { CLIENT } from '../platforms/client.ts';
import { SELF } from '../platforms/self.ts';
import { readChain } from '../x509/chain.ts';
import { svidId } from '../x509/svid.ts';
import type { ClaimRefusal } from './claims.ts';
import { registeredClient } from './client-secret.ts';
import type { SourceVerifier } from './kind.ts';
import { encodeName } from './name.ts';
import { claimsInName } from './name-read.ts';
import { certificateRefusal } from './x509-svid.ts';

/** The port, and the routing alone, for `explain`. */
export interface Registry extends Verifiers {
  /** The source that would be responsible for these claims. */
  responsible(claims: JsonObject): Result<SourceVerifier, CredentialRefusal>;
}

/** Verifiers over these sources. Two that could be responsible for one token are a fault of configuration: it throws. */
export function createVerifiers(sources: readonly SourceVerifier[], ownIssuer: string): Registry {
  const known = knownOf(sources, ownIssuer);
  const verifyCertificates = createCertificateRoute(known.byTrustDomain);
  const [takesRequests, another] = sources.filter(({ verifyRequest }) => verifyRequest !== undefined);
  if (another) throw new Error('two sources for signed requests');
  return Object.freeze({
    async verify(credential, role, nowSeconds) {
      if ('certificates' in credential) return verifyCertificates(credential.certificates, role, nowSeconds);
      const no = (refusal: ClaimRefusal) => refuse({ ...refusal, role } as CredentialRefusal);
      if (credential.tokenType === AWS_REQUEST_TOKEN_TYPE)
        return (
          takesRequests?.verifyRequest?.(credential.text, role, nowSeconds) ?? no({ reason: 'token_type_refused' })
        );
      const parsed = parseJws(credential.text);
      if (!parsed.ok) return no({ reason: 'credential_malformed', problem: parsed.problem });
      const source = route(known, parsed.jws.claims);
      if (!source.ok) return no(source.refusal);
      return source.value.verify(parsed.jws, credential.tokenType, role, nowSeconds);
    },

    whoIs: (actor) => whoIs(actor, known),

    responsible(claims) {
      const source = route(known, claims);
      return source.ok ? source : refuse({ ...source.refusal, role: 'subject' } as CredentialRefusal);
    },
  } satisfies Registry);
}

interface Known {
  readonly sources: readonly SourceVerifier[];
  readonly byTrustDomain: ReadonlyMap<string, SourceVerifier>;
  readonly byIssuer: ReadonlyMap<string, readonly SourceVerifier[]>;
  readonly ownIssuer: string;
}

function knownOf(sources: readonly SourceVerifier[], ownIssuer: string): Known {
  const byTrustDomain = new Map<string, SourceVerifier>();
  const byIssuer = new Map<string, SourceVerifier[]>();
  for (const source of sources) {
    const { responsibility } = source;
    if ('trustDomain' in responsibility) {
      if (byTrustDomain.has(responsibility.trustDomain))
        throw new Error(`two sources for ${responsibility.trustDomain}`);
      byTrustDomain.set(responsibility.trustDomain, source);
      continue;
    }
    for (const issuer of [responsibility.issuer, ...(responsibility.otherIssuers ?? [])])
      byIssuer.set(issuer, [...(byIssuer.get(issuer) ?? []), source]);
  }
  return { sources, byTrustDomain, byIssuer, ownIssuer };
}

/** The one source that is responsible for a token with these claims. */
function route(
  { byTrustDomain, byIssuer, ownIssuer }: Known,
  claims: JsonObject,
): Result<SourceVerifier, never> | { ok: false; refusal: ClaimRefusal } {
  const no = (refusal: ClaimRefusal) => ({ ok: false, refusal }) as const;
  const of = (source: SourceVerifier | undefined) =>
    source ? ({ ok: true, value: source } as const) : no({ reason: 'issuer_unknown' });
  const { sub, iss } = claims;
  // What we issued goes to `self` before anything else is looked at, whomever it is about.
  if (iss === ownIssuer) return of(byIssuer.get(ownIssuer)?.[0]);
  if (typeof sub === 'string' && sub.startsWith('spiffe://')) {
    const id = parseSpiffeId(sub);
    return id ? of(byTrustDomain.get(id.trustDomain)) : no({ reason: 'claim_invalid', claim: 'sub' });
  }
  if (iss === undefined) return no({ reason: 'claim_missing', claim: 'iss' });
  if (typeof iss !== 'string') return no({ reason: 'claim_invalid', claim: 'iss' });
  const candidates = byIssuer.get(iss) ?? [];
  return of(candidates.find((candidate) => bearsAudience(candidate, claims)) ?? candidates[0]);
}

/**
 * Whoever an actor can be, with what its name tells of its claims. A SPIFFE ID is who it says, whichever issuer repeats it, and also where
 * nobody proves its trust domain: it may be blocked. What we issued names whoever it is about, and a registered client by its id.
 */
function whoIs(actor: Actor, { sources, byTrustDomain, byIssuer, ownIssuer }: Known): readonly Principal[] {
  const { iss, sub, others } = actor;
  const id = parseSpiffeId(sub);
  const found: Principal[] = [];
  if (id) {
    const { source = '' } = byTrustDomain.get(id.trustDomain) ?? {};
    const issuer = `spiffe://${id.trustDomain}`;
    found.push({ source, kind: 'spiffe', issuer, subject: sub, name: sub, claims: { sub } });
  }
  const claims = { ...others, iss, sub };
  if (iss === ownIssuer) {
    const { kind } = SELF;
    return [
      ...found,
      registeredClient(sub, ownIssuer),
      { source: kind, kind, issuer: iss, subject: sub, name: sub, claims },
      ...namedSo(sub, sources, ownIssuer),
    ];
  }
  const beside = namedBeside(actor);
  for (const { source, kind, told } of byIssuer.get(iss) ?? []) {
    const own = beside === undefined ? encodeName(sub) : partOf(beside);
    found.push({
      source,
      kind,
      issuer: iss,
      subject: sub,
      name: `${source}:${own}`,
      claims: { ...claims, ...told(own), sub },
    });
  }
  return found;
}

/** Whom a name that we issued names beside itself: a client, or a principal of the source that it begins with. */
function namedSo(name: string, sources: Known['sources'], ownIssuer: string): readonly Principal[] {
  const own = partOf(name);
  const source = name.slice(0, -own.length - 1);
  const { sub: clientId } = source === CLIENTS_SOURCE ? (claimsInName(CLIENT, own) ?? {}) : {};
  if (typeof clientId === 'string') return [registeredClient(clientId, ownIssuer)];
  const owner = sources.find((one) => one.source === source && 'issuer' in one.responsibility);
  const told = owner?.told(own);
  if (!owner || !told || !('issuer' in owner.responsibility)) return [];
  const { issuer } = owner.responsibility;
  const { sub: subject = own } = told;
  return [{ source, kind: owner.kind, issuer, subject: String(subject), name, claims: { ...told, iss: issuer } }];
}

/** A name without its source. */
const partOf = (name: string): string => name.slice(name.indexOf(':') + 1);

/** Proves a chain by the source of its leaf's trust domain. */
function createCertificateRoute(byTrustDomain: ReadonlyMap<string, SourceVerifier>) {
  // Read once for each connection, however many requests it brings: this is where certificates cost most.
  const chains = new WeakMap<PresentedCertificates, ReturnType<typeof readChain>>();

  return (
    presented: PresentedCertificates,
    role: Role,
    nowSeconds: number,
  ): Result<ProvedPrincipal, CredentialRefusal | UnavailableRefusal> => {
    const read = chains.get(presented) ?? readChain(presented.ders);
    chains.set(presented, read);
    if (!read.ok) return refuse(certificateRefusal(read.problem, role));
    const named = svidId(read.chain[0]);
    if (!named.ok) return refuse(certificateRefusal(named.problem, role));
    const source = byTrustDomain.get(named.id.trustDomain);
    if (!source?.verifyCertificates) return refuse({ role, reason: 'issuer_unknown' });
    return source.verifyCertificates(presented, read.chain, role, nowSeconds);
  };
}

/** Of two sources that share an issuer, the one whose audience the token bears. */
function bearsAudience({ responsibility }: SourceVerifier, { aud }: JsonObject): boolean {
  if (!('audience' in responsibility)) return false;
  return Array.isArray(aud) ? aud.includes(responsibility.audience) : aud === responsibility.audience;
}
