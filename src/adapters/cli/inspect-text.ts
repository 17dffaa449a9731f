// Which kind of thing a text is, and what it is judged by: PEM that begins with a leaf or has a private key is an X.509-SVID, PEM of
// authorities or a JSON object is a bundle, everything else is taken for a JWT-SVID.

import { KEY_SET_BYTES_MAX } from '../../core/limits-outside.ts';
import { splitCredentialPem } from '../../parsing/credential-pem.ts';
import { readPemCertificates } from '../../parsing/pem.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { type BundleRead, type BundleSeen, inspectBundle } from './inspect-bundle.ts';
import { inspectJwt } from './inspect-jwt.ts';
import { type Found, type Inspection, no } from './inspect-report.ts';
import type { InspectFlags, InspectTools } from './inspect-tools.ts';
import { CLIENT_AND_SERVER, inspectChain } from './inspect-x509.ts';

export async function inspectText(tools: InspectTools, file: string, flags: InspectFlags): Promise<Found> {
  const read = await tools.readText(file, KEY_SET_BYTES_MAX);
  if (!read.ok) return { unknown: `${file}: ${read.problem}` };
  const bundleFile = await readBundleFlag(tools, flags.bundle);
  if (bundleFile && !bundleFile.ok) return { unknown: bundleFile.problem };
  const bundleOf = bundleReader(tools, bundleFile?.text);
  const inspection = await inspectKind(tools, read.text.trim(), flags, bundleOf);
  return { inspections: [inspection] };
}

type BundleOf = (trustDomain: string) => Promise<BundleSeen | { readonly missing: string }>;

function inspectKind(
  tools: InspectTools,
  text: string,
  flags: InspectFlags,
  bundleOf: BundleOf,
): Inspection | Promise<Inspection> {
  if (text.startsWith('{')) return inspectBundleText(tools, text, flags.trustDomain);
  if (!/^-----BEGIN /m.test(text))
    return inspectJwt({
      text,
      bundleOf,
      trustDomain: flags.trustDomain,
      audience: flags.audience,
      judge: tools.judgeJwt,
    });
  const { certificates, keys } = splitCredentialPem(text);
  const pem = readPemCertificates(certificates);
  if (!pem.ok) return { what: 'PEM', facts: [], checks: [no(`it ${pem.problem}`, 'RFC 7468 §2 and §5')] };
  const first = readCertificate(pem.ders[0] ?? new Uint8Array());
  if (keys.length === 0 && first.ok && first.certificate.isAuthority)
    return inspectBundleText(tools, text, flags.trustDomain);
  return inspectChain('X.509-SVID', {
    ders: pem.ders,
    keys,
    async anchorsOf(trustDomain) {
      const bundle = await bundleOf(trustDomain);
      return 'missing' in bundle ? bundle : bundle.authorities;
    },
    trustDomain: flags.trustDomain,
    purposes: flags.purpose === undefined ? CLIENT_AND_SERVER : [flags.purpose],
    nowSeconds: tools.nowSeconds(),
  });
}

/** Reads a bundle, and says how to name one of a map. */
export async function inspectBundleText(
  tools: InspectTools,
  text: string,
  trustDomain: string | undefined,
): Promise<Inspection> {
  const read = await tools.readBundle(text, trustDomain ?? '');
  const unnamed: BundleRead = { ok: false, problem: 'is a map of bundles: --trust-domain says which' };
  const isMap = !read.ok && trustDomain === undefined && read.problem.startsWith('has no bundle of');
  return inspectBundle('trust bundle', isMap ? unnamed : read, tools.nowSeconds());
}

async function readBundleFlag(tools: InspectTools, file: string | undefined) {
  if (file === undefined) return undefined;
  const read = await tools.readText(file, KEY_SET_BYTES_MAX);
  return read.ok ? read : { ok: false as const, problem: `${file}: ${read.problem}` };
}

const bundleReader =
  (tools: InspectTools, text: string | undefined): BundleOf =>
  async (trustDomain) => {
    if (text === undefined)
      return { missing: 'who signed it is not judged: --bundle names the bundle of its trust domain' };
    const read = await tools.readBundle(text, trustDomain);
    return read.ok ? read.bundle : { missing: `who signed it is not judged: the bundle ${read.problem}` };
  };
