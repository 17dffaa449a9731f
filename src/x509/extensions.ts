// The extensions of a certificate (RFC 5280 §4.2): each at most once, those that we know read to their last byte, critical ones that
// we do not know remembered, so that whoever builds a path refuses them there and an unused extra certificate harms nobody.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import {
  CertificateError,
  context,
  type Element,
  elementsIn,
  expected,
  malformed,
  onlyElement,
  readCount,
  readFlags,
  readOid,
  readTrue,
  sequenceIn,
  sequenceOf,
  TAG,
} from './der.ts';
import { type NameConstraints, readNameConstraints } from './name-constraints.ts';
import { type GeneralName, readGeneralNames } from './names.ts';

export interface KeyUsage {
  readonly critical: boolean;
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly cRLSign: boolean;
}

export interface Extensions {
  /** `cA`; absent is false. */
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers, their content in hex. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly names: readonly GeneralName[];
  readonly namesCritical: boolean;
  readonly nameConstraints: NameConstraints | undefined;
  /** Hex. Hints only: they choose what is tried first. */
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  /** Something critical that is not processed here. */
  readonly unprocessed: CertificateProblem | undefined;
}

/** Object identifiers below 2.5.29, their last byte. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ['551d0e', 'subjectKeyId'],
  ['551d0f', 'keyUsage'],
  ['551d11', 'names'],
  ['551d13', 'basicConstraints'],
  ['551d1e', 'nameConstraints'],
  ['551d23', 'authorityKeyId'],
  ['551d25', 'extendedKeyUsage'],
]);

/** certificatePolicies, policyMappings, policyConstraints, inhibitAnyPolicy: no policy tree is built here (RFC 5280 §6.1). */
const POLICIES: ReadonlySet<string> = new Set(['551d20', '551d21', '551d24', '551d36']);

interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** The extensions in `[3]` of a certificate, or of one that has none. */
export function readExtensions(element: Element | undefined): Extensions {
  const seen = new Set<string>();
  const known = new Map<string, Extension>();
  let unprocessed: CertificateProblem | undefined;
  for (const one of element === undefined ? [] : extensionsIn(element)) {
    const [id, ...parts] = sequenceIn(one);
    const oid = readOid(id);
    if (seen.has(oid)) malformed('extension_repeated');
    seen.add(oid);
    const critical = parts.length === 2 && readTrue(expected(parts.shift(), TAG.boolean));
    const value = expected(parts.shift(), TAG.octetString).body;
    if (parts.length > 0) malformed();
    const name = KNOWN.get(oid);
    if (name !== undefined) known.set(name, { critical, value });
    else if (critical) unprocessed ??= POLICIES.has(oid) ? 'policy_unsupported' : 'extension_unknown';
  }
  try {
    return { ...readKnown(known), unprocessed };
  } catch (error) {
    // What is wrong inside a value is told apart from what is wrong around it.
    if (error instanceof CertificateError && error.problem === 'der') malformed('extension_malformed');
    throw error;
  }
}

function extensionsIn(element: Element): readonly Element[] {
  const list = sequenceOf(element.body);
  return list.length > 0 ? list : malformed();
}

function readKnown(known: ReadonlyMap<string, Extension>): Omit<Extensions, 'unprocessed'> {
  const read = <Value>(name: string, reader: (value: Buffer, critical: boolean) => Value): Value | undefined => {
    const extension = known.get(name);
    return extension && reader(extension.value, extension.critical);
  };
  const { isAuthority = false, pathLength } = read('basicConstraints', readBasicConstraints) ?? {};
  const nameConstraints = read('nameConstraints', readNameConstraints);
  // RFC 5280 §4.2.1.10: only in a CA certificate.
  if (nameConstraints && !isAuthority) malformed();
  return {
    isAuthority,
    pathLength,
    keyUsage: read('keyUsage', readKeyUsage),
    extendedKeyUsage: read('extendedKeyUsage', readExtendedKeyUsage),
    names: read('names', readGeneralNames) ?? [],
    namesCritical: known.get('names')?.critical ?? false,
    nameConstraints,
    subjectKeyId: read('subjectKeyId', (value) => onlyElement(value, TAG.octetString).body.toString('hex')),
    authorityKeyId: read('authorityKeyId', readAuthorityKeyId),
  };
}

/** RFC 5280 §4.2.1.9: pathLenConstraint only where cA is asserted. */
function readBasicConstraints(value: Buffer): { readonly isAuthority: boolean; readonly pathLength?: number } {
  const parts = [...sequenceOf(value)];
  if (parts.length === 0) return { isAuthority: false };
  readTrue(expected(parts.shift(), TAG.boolean));
  if (parts.length > 1) malformed();
  return { isAuthority: true, ...(parts.length === 1 && { pathLength: readCount(parts[0]) }) };
}

function readKeyUsage(value: Buffer, critical: boolean): KeyUsage {
  const flag = readFlags(onlyElement(value, TAG.bitString));
  return { critical, digitalSignature: flag(0), keyCertSign: flag(5), cRLSign: flag(6) };
}

function readExtendedKeyUsage(value: Buffer): readonly string[] {
  const purposes = sequenceOf(value).map(readOid);
  return purposes.length > 0 ? purposes : malformed();
}

function readAuthorityKeyId(value: Buffer): string | undefined {
  const parts = elementsIn(onlyElement(value, TAG.sequence));
  return parts.find(({ tag }) => tag === context(0))?.body.toString('hex');
}
