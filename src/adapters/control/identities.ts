// What operators write when they block or revoke somebody, read as names that principals have (docs/incidents.md). What could not mean
// anybody is refused with what would; what probably means nobody is a warning, for in a hurry a wrong name is worse than none.

import { CLIENTS_SOURCE } from '../../core/client.ts';
import { isDecisionId } from '../../core/decision-id.ts';
import { WITHDRAWAL_NAME_BYTES_MAX } from '../../core/limits-delegation.ts';
import { closest } from '../../parsing/closest.ts';
import { parseSpiffeId } from '../../parsing/spiffe-id.ts';

/** A registered client, as it is named in requests and tokens. */
export interface KnownClient {
  readonly id: string;
  /** `clients:<id>`. */
  readonly name: string;
  /** Of a client that authenticates as a SPIFFE workload: its ID, or the pattern of several. */
  readonly spiffe: string | undefined;
}

/** Who is configured. */
export interface KnownNames {
  readonly sources: readonly { readonly name: string; readonly kind: string; readonly issuer: string }[];
  readonly clients: readonly KnownClient[];
  /** Why nobody whom the sources prove has this name; undefined where somebody may. */
  nameProblem(name: string): string | undefined;
}

export type IdentityRead =
  | { readonly ok: true; readonly identities: readonly string[]; readonly notes: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/** Where a client's id is a URL, or somebody writes one: no source can be called so. */
const NO_SOURCES = ['http', 'https', 'urn', 'wimse'];
const HELP =
  'an identity is a SPIFFE ID or <source>:<name>, as records have it; a * at the end, after : or /, is everything below';
const no = (problem: string): IdentityRead => ({ ok: false, problem: `${problem}; ${HELP}` });

/** Whom a block is of. A client has two names where it is a workload too: both are blocked. */
export function readBlocked(text: string, known: KnownNames): IdentityRead {
  const client = clientOf(text, known);
  if (!client) return readName(text, known, true);
  const { id, name, spiffe } = client;
  if (spiffe === undefined)
    return { ok: true, identities: [name], notes: noteOf(text, name, `${id} is a registered client:`) };
  if (!spiffe.includes('*'))
    return { ok: true, identities: [name, spiffe], notes: [`${spiffe} is the registered client ${id}: ${name} too`] };
  const note = `${id} is a registered client, of the workloads ${spiffe}: where they act, they have names of their own`;
  return { ok: true, identities: [name], notes: [`${note}, which \`block '${aboveOf(spiffe)}*'\` ends`] };
}

/** Whose tokens a revocation ends. */
export function readRevoked(what: 'subject' | 'actor' | 'client', text: string, known: KnownNames): IdentityRead {
  const client = clientOf(text, known);
  if (!client) return readName(text, known, false);
  const { id, name, spiffe } = client;
  if (what === 'client')
    return { ok: true, identities: [name], notes: noteOf(text, name, `${id} is a registered client:`) };
  if (spiffe === undefined) return { ok: true, identities: [name], notes: noteOf(text, name, `as ${what} it is`) };
  if (spiffe.includes('*')) return no(`${id} is a client of several workloads, ${spiffe}: say which, by its SPIFFE ID`);
  return { ok: true, identities: [spiffe], notes: noteOf(text, spiffe, `as ${what} it is`) };
}

/** Nothing is to be said where the name was written. */
const noteOf = (text: string, name: string, note: string): readonly string[] =>
  text === name ? [] : [`${note} ${name}`];
const aboveOf = (pattern: string): string => pattern.slice(0, pattern.lastIndexOf('/') + 1);

/** By its id, its name, or its SPIFFE ID. */
const clientOf = (text: string, { clients }: KnownNames): KnownClient | undefined =>
  clients.find(({ id }) => id === text) ??
  clients.find(({ name, spiffe }) => name === text || (spiffe === text && !text.includes('*')));

function readName(text: string, known: KnownNames, starAllowed: boolean): IdentityRead {
  if (text === '') return no('it is empty');
  if (Buffer.byteLength(text) > WITHDRAWAL_NAME_BYTES_MAX)
    return no(`it is longer than ${WITHDRAWAL_NAME_BYTES_MAX} bytes`);
  if (/[^\x21-\x7e]/.test(text))
    return no('names have printable ASCII alone, everything else in them is percent-encoded');
  const star = text.indexOf('*');
  if (star >= 0 && !starAllowed) return no('a revocation is of one name; a block can be of everything below');
  if (text === '*') return no('a bare * would block everybody: stop the broker for that');
  if (star >= 0 && star < text.length - 1) return no('a * stands at the end alone');
  if (star >= 0 && !/[:/]\*$/.test(text))
    return no('a * stands after : or /, or strangers whose names begin alike are blocked');
  return /^spiffe:/i.test(text) ? readSpiffe(text, known) : readSourced(text, known);
}

function readSpiffe(text: string, { sources }: KnownNames): IdentityRead {
  const exact = text.endsWith('/*') ? text.slice(0, -2) : text;
  const id = parseSpiffeId(exact);
  if (!id) return no('it is no SPIFFE ID');
  if (id.path === '' && exact === text) return no(`it is a trust domain and no workload: ${text}/* is everybody in it`);
  const domain = `spiffe://${id.trustDomain}`;
  const isKnown = sources.some(({ kind, issuer }) => kind === 'spiffe' && issuer === domain);
  return found(
    text,
    isKnown ? [] : [`no source proves the trust domain ${domain}${meantBy(domain, issuersOf(sources))}`],
  );
}

const issuersOf = (sources: KnownNames['sources']): readonly string[] =>
  sources.filter(({ kind }) => kind === 'spiffe').map(({ issuer }) => issuer);

function readSourced(text: string, known: KnownNames): IdentityRead {
  const [, name = '', rest = ''] = /^([a-z][a-z0-9-]{0,62}):(.+)$/.exec(text) ?? [];
  if (name === '') return no(`there is no source before a : in it${meantClient(text, known)}`);
  if (NO_SOURCES.includes(name)) return no(`no client is registered as ${text}`);
  if (name === 'self') return no('tokens of ours are about the name that their first proof gave them: block that one');
  if (name === CLIENTS_SOURCE) {
    const ids = known.clients.map(({ id }) => id);
    return found(text, rest === '*' ? [] : [`no client is registered as ${rest}${meantBy(rest, ids)}`]);
  }
  const source = known.sources.find((one) => one.name === name);
  if (!source) {
    const names = known.sources.filter(({ kind }) => kind !== 'self').map((one) => one.name);
    return found(text, [`no source is called ${name}${meantBy(name, names)}`]);
  }
  if (source.kind === 'spiffe') return no(`whoever ${name} proves is named by the SPIFFE ID alone`);
  const problem = text.endsWith('*') ? undefined : known.nameProblem(text);
  return found(text, problem === undefined ? [] : [`${text} ${problem}`]);
}

const found = (identity: string, notes: readonly string[]): IdentityRead => ({
  ok: true,
  identities: [identity],
  notes,
});

function meantBy(word: string, words: readonly string[]): string {
  const near = closest(word, words);
  if (near !== undefined) return `: did you mean ${near}?`;
  return words.length === 0 ? '' : `; there are: ${words.join(', ')}`;
}

function meantClient(text: string, { clients }: KnownNames): string {
  const near = closest(
    text,
    clients.map(({ id }) => id),
  );
  return near === undefined
    ? ', and no client is registered so'
    : `, and no client is registered so: did you mean ${near}?`;
}

/** What stands for a token on a command line: its `jti`, where it is one of ours, or its handle. Never the token. */
export type TokenRead =
  | { readonly ok: true; readonly by: 'jti' | 'handle' }
  | { readonly ok: false; readonly problem: string };

export function readToken(text: string): TokenRead {
  if (isDecisionId(text)) return { ok: true, by: 'jti' };
  if (/^[A-Za-z0-9_-]{22}$/.test(text)) return { ok: true, by: 'handle' };
  const problem =
    'a token is named by its jti, which is the id of the decision that issued it, or by its handle in `lineage`; - reads the token itself from standard input';
  return { ok: false, problem };
}
