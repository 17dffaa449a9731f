// An X.509-SVID with its private key out of a folder (SPIFFE Filesystem Delivery §2.1 and §3.2): one file, read once, so that key and
// chain are of one rotation. Says what is wrong in words of ours; shows nothing of the key. Judges no path: the relying party does.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { TlsIdentity } from '../../core/outside.ts';
import { splitCredentialPem } from '../../parsing/credential-pem.ts';
import { readPemCertificates } from '../../parsing/pem.ts';
import { type Chain, readChain } from '../../x509/chain.ts';
import { CERTIFICATE_PROBLEMS } from '../../x509/problems.ts';
import { svidId } from '../../x509/svid.ts';

/** The names that the drafts of the standard have given to the file, the newest first. */
export const CREDENTIAL_BUNDLE_FILES = [
  'credential-bundle.private-key.x509.pem',
  'credential-bundle.private-key.pem',
  'credential-bundle.pem',
] as const;

export type IdentityRead =
  | { readonly ok: true; readonly spiffeId: string; readonly tls: TlsIdentity }
  /** The end of a sentence that begins with the file's name. */
  | { readonly ok: false; readonly problem: string };

/** Whether a private key is that of a leaf; undefined where there is none. */
export type KeyFit = 'fits' | 'other' | 'unreadable' | 'several' | undefined;

const no = (problem: string): IdentityRead => ({ ok: false, problem });

/** Never throws. */
export function readIdentity(text: string): IdentityRead {
  const { certificates, keys } = splitCredentialPem(text);
  const pem = readPemCertificates(certificates);
  if (!pem.ok) return no(pem.problem);
  const read = readChain(pem.ders);
  if (!read.ok) return no(explained(read.problem));
  const named = svidId(read.chain[0]);
  if (!named.ok) return no(explained(named.problem));
  const fit = keyFit(keys, read.chain);
  if (fit !== 'fits') return no(fit === undefined ? 'has no private key' : KEY_PROBLEMS[fit]);
  const certificate = read.chain.map(({ der }) => new X509Certificate(der).toString()).join('');
  return { ok: true, spiffeId: named.id.text, tls: { certificate, key: keys.join('') } };
}

const explained = (problem: keyof typeof CERTIFICATE_PROBLEMS): string => {
  const { says, section } = CERTIFICATE_PROBLEMS[problem];
  return `cannot be used: ${says} (${section})`;
};

export const KEY_PROBLEMS = {
  several: 'has more than one private key',
  unreadable: 'has a private key that cannot be read',
  other: 'has the private key of another certificate than the first',
} as const;

export function keyFit(keys: readonly string[], [leaf]: Chain): KeyFit {
  const [pem, ...more] = keys;
  if (pem === undefined) return undefined;
  if (more.length > 0) return 'several';
  const key = readKey(pem);
  if (!key) return 'unreadable';
  try {
    return new X509Certificate(leaf.der).checkPrivateKey(key) ? 'fits' : 'other';
  } catch {
    return 'other';
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
