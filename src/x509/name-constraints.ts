// Name constraints (RFC 5280 §4.2.1.10): reading them, and whether a certificate's names keep within them. The trust domain of a
// SPIFFE ID is its URI's host, so a URI constraint ties an authority to trust domains. A name that cannot be compared is
// refused, and so is a constraint that is not understood once a name of its form appears. Where spelling could dodge an
// exclusion, exclusions match more widely than permissions.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import { CERTIFICATE_NAMES_MAX } from '../core/limits-outside.ts';
import { type Element, elementsIn, expected, malformed, sequenceIn, sequenceOf, TAG, within } from './der.ts';
import { type DistinguishedName, FORMS, type GeneralName, type NameForm, readGeneralName } from './names.ts';

export interface NameConstraints {
  readonly permitted: ReadonlyMap<NameForm, readonly Subtree[]>;
  readonly excluded: ReadonlyMap<NameForm, readonly Subtree[]>;
}

/** What one constraint describes. */
type Subtree =
  | { readonly is: 'everything' }
  /** A domain, what is below it (`suffix` begins with a dot), or both. */
  | { readonly is: 'domain'; readonly domain: string | undefined; readonly suffix: string | undefined }
  | { readonly is: 'mailbox'; readonly local: string; readonly domain: string }
  | { readonly is: 'network'; readonly address: Buffer; readonly mask: Buffer }
  | { readonly is: 'directory'; readonly name: DistinguishedName }
  | { readonly is: 'unusable' };

/** What a name is compared by. */
type Comparable =
  | { readonly is: 'domain'; readonly domain: string; readonly wildcard: boolean }
  | { readonly is: 'mailbox'; readonly local: string; readonly domain: string }
  | { readonly is: 'address'; readonly bytes: Buffer }
  | { readonly is: 'directory'; readonly name: DistinguishedName }
  | { readonly is: 'unusable' };

const UNUSABLE = { is: 'unusable' } as const;
const DOMAIN = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
/** A last label of digits is an address, or nothing (RFC 5280: a host as a fully qualified domain name). */
const NUMERIC = /(?:^|\.)\d+$/;
/** A user before the host, or anything else that hides where it begins, leaves no host to compare. */
const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@:]*)(?::\d*)?(?:[/?#]|$)/i;

/** The value of the extension: at least one subtree in at least one of its two lists. */
export function readNameConstraints(value: Buffer): NameConstraints {
  const lists = [...sequenceOf(value)];
  const permitted = lists[0]?.tag === within(0) ? lists.shift() : undefined;
  const excluded = lists[0]?.tag === within(1) ? lists.shift() : undefined;
  if (lists.length > 0 || !(permitted || excluded)) malformed();
  return { permitted: readSubtrees(permitted, false), excluded: readSubtrees(excluded, true) };
}

function readSubtrees(list: Element | undefined, excluding: boolean): ReadonlyMap<NameForm, readonly Subtree[]> {
  const subtrees = new Map<NameForm, Subtree[]>();
  if (list === undefined) return subtrees;
  const elements = elementsIn(list, CERTIFICATE_NAMES_MAX);
  if (elements.length === 0) malformed();
  for (const element of elements) {
    const [base, ...range] = sequenceIn(expected(element, TAG.sequence));
    const form = FORMS[(base ?? malformed()).tag & 0x1f] ?? malformed();
    // minimum and maximum are for no name form of RFC 5280.
    const subtree = range.length > 0 ? UNUSABLE : subtreeOf(readGeneralName(base ?? malformed()), excluding);
    const same = subtrees.get(form);
    if (same) same.push(subtree);
    else subtrees.set(form, [subtree]);
  }
  return subtrees;
}

function subtreeOf(base: GeneralName, excluding: boolean): Subtree {
  switch (base.form) {
    case 'uri':
      return hostSubtree(base.text.toLowerCase());
    case 'dns': {
      const text = base.text.toLowerCase();
      if (text === '') return { is: 'everything' };
      // A leading dot is not in the RFC for this form, but in use: below the domain, and to be safe the domain as well.
      const dotted = text.startsWith('.');
      const domain = dotted ? text.slice(1) : text;
      if (!DOMAIN.test(domain)) return UNUSABLE;
      return { is: 'domain', domain: dotted && !excluding ? undefined : domain, suffix: `.${domain}` };
    }
    case 'email': {
      const mailbox = mailboxOf(base.text);
      return mailbox.is === 'unusable' ? hostSubtree(base.text.toLowerCase()) : mailbox;
    }
    case 'ip':
      return networkSubtree(base.bytes);
    case 'directory':
      return { is: 'directory', name: base.name };
    default:
      return UNUSABLE;
  }
}

/** For URIs and mail: `.domain` is everything below it and not itself, `domain` is itself alone. */
function hostSubtree(text: string): Subtree {
  const below = text.startsWith('.');
  const domain = below ? text.slice(1) : text;
  if (!DOMAIN.test(domain) || NUMERIC.test(domain)) return UNUSABLE;
  return { is: 'domain', domain: below ? undefined : domain, suffix: below ? text : undefined };
}

function networkSubtree(bytes: Buffer): Subtree {
  if (bytes.length !== 8 && bytes.length !== 32) return UNUSABLE;
  const mask = bytes.subarray(bytes.length / 2);
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return bits.includes('01') ? UNUSABLE : { is: 'network', address: bytes.subarray(0, bytes.length / 2), mask };
}

function mailboxOf(text: string): Extract<Comparable, { is: 'mailbox' | 'unusable' }> {
  const [local = '', host = '', ...rest] = text.split('@');
  const domain = host.toLowerCase();
  return local !== '' && rest.length === 0 && DOMAIN.test(domain) ? { is: 'mailbox', local, domain } : UNUSABLE;
}

function comparable(name: GeneralName): Comparable {
  switch (name.form) {
    case 'uri': {
      const domain = URI_HOST.exec(name.text)?.[1]?.toLowerCase() ?? '';
      return DOMAIN.test(domain) && !NUMERIC.test(domain) ? { is: 'domain', domain, wildcard: false } : UNUSABLE;
    }
    case 'dns': {
      const wildcard = name.text.startsWith('*.');
      const domain = name.text.slice(wildcard ? 2 : 0).toLowerCase();
      return DOMAIN.test(domain) ? { is: 'domain', domain, wildcard } : UNUSABLE;
    }
    case 'email':
      return mailboxOf(name.text);
    case 'ip':
      return [4, 16].includes(name.bytes.length) ? { is: 'address', bytes: name.bytes } : UNUSABLE;
    case 'directory':
      return { is: 'directory', name: name.name };
    default:
      return UNUSABLE;
  }
}

/**
 * What is wrong with these names under these constraints. `spend` is asked before each name for as many comparisons as it needs,
 * and says no once there have been too many (A-90: 2048 constraints over 2048 names).
 */
export function constraintProblem(
  { permitted, excluded }: NameConstraints,
  names: readonly GeneralName[],
  spend: (comparisons: number) => boolean,
): CertificateProblem | undefined {
  for (const name of names) {
    const may = permitted.get(name.form);
    const mayNot = excluded.get(name.form);
    if (!may && !mayNot) continue;
    if (!spend((may?.length ?? 0) + (mayNot?.length ?? 0))) return 'path_too_costly';
    const subject = comparable(name);
    if ([may, mayNot].some((list) => list?.some(({ is }) => is === 'unusable'))) return 'name_constraints_unsupported';
    if (subject.is === 'unusable') return 'name_constraints';
    if (may && !may.some((subtree) => holds(subtree, subject, false))) return 'name_constraints';
    if (mayNot?.some((subtree) => holds(subtree, subject, true))) return 'name_constraints';
  }
  return undefined;
}

function holds(subtree: Subtree, subject: Comparable, excluding: boolean): boolean {
  if (subtree.is === 'everything') return true;
  if (subtree.is === 'domain' && (subject.is === 'domain' || subject.is === 'mailbox')) {
    const { domain, suffix } = subtree;
    if (subject.domain === domain || (suffix !== undefined && subject.domain.endsWith(suffix))) return true;
    // `*.example.com` can stand for a host that is excluded.
    const wildcard = subject.is === 'domain' && subject.wildcard;
    return excluding && wildcard && (domain ?? suffix ?? '').endsWith(`.${subject.domain}`);
  }
  if (subtree.is === 'mailbox' && subject.is === 'mailbox') {
    const locals = [subtree.local, subject.local].map((local) => (excluding ? local.toLowerCase() : local));
    return subtree.domain === subject.domain && locals[0] === locals[1];
  }
  if (subtree.is === 'network' && subject.is === 'address') {
    const { address, mask } = subtree;
    const bits = (bytes: Buffer, at: number): number => (bytes[at] ?? 0) & (mask[at] ?? 0);
    return subject.bytes.length === mask.length && mask.every((_, at) => bits(subject.bytes, at) === bits(address, at));
  }
  if (subtree.is === 'directory' && subject.is === 'directory') {
    const [base, whole] = excluding
      ? [subtree.name.folded, subject.name.folded]
      : [subtree.name.rdns, subject.name.rdns];
    return base.every((rdn, at) => whole[at] === rdn);
  }
  return false;
}
