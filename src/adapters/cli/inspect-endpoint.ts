// What is wrong with a bundle endpoint (SPIFFE Federation §5): fetched once as the broker fetches it, by the profile that was named and
// no other. What its server presents is judged as an X.509-SVID where the profile says so; what it serves is judged as a bundle.

import { KEY_SET_BYTES_MAX } from '../../core/limits-outside.ts';
import { parseSpiffeId } from '../../parsing/spiffe-id.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { type Found, type Inspection, no, yes } from './inspect-report.ts';
import { inspectBundleText } from './inspect-text.ts';
import type { EndpointFetched, EndpointProof, InspectFlags, InspectTools } from './inspect-tools.ts';
import { inspectChain } from './inspect-x509.ts';

type Proof = { readonly ok: true; readonly proof: EndpointProof } | { readonly ok: false; readonly unknown: string };

const FILE_PROBLEM = (file: string, problem: string) => ({ ok: false, unknown: `${file}: ${problem}` }) as const;

export async function inspectEndpoint(tools: InspectTools, url: string, flags: InspectFlags): Promise<Found> {
  const read = await proofOf(tools, flags);
  if (!read.ok) return { unknown: read.unknown };
  const { proof } = read;
  const fetched = await tools.fetchBundle(url, proof);
  if (fetched.got === 'nothing') return { unknown: `${url}: ${fetched.problem}` };
  const inspections: Inspection[] = [endpointInspection(url, proof, fetched)];
  if ('endpointId' in proof && fetched.presented.length > 0)
    inspections.push(await inspectServer(tools, proof, fetched.presented));
  if (fetched.got === 'text') inspections.push(await inspectBundleText(tools, fetched.text, flags.trustDomain));
  return { inspections };
}

async function proofOf(tools: InspectTools, { profile, endpointId = '', bootstrap, ca }: InspectFlags): Promise<Proof> {
  if (profile !== 'https_spiffe') {
    const read = ca === undefined ? undefined : await tools.readText(ca, KEY_SET_BYTES_MAX);
    if (read && !read.ok) return FILE_PROBLEM(ca ?? '', read.problem);
    return { ok: true, proof: { ca: read?.text } };
  }
  const file = bootstrap ?? '';
  const text = await tools.readText(file, KEY_SET_BYTES_MAX);
  if (!text.ok) return FILE_PROBLEM(file, text.problem);
  const read = await tools.readBundle(text.text, parseSpiffeId(endpointId)?.trustDomain ?? '');
  if (!read.ok) return FILE_PROBLEM(file, `it ${read.problem}`);
  return { ok: true, proof: { endpointId, authorities: read.bundle.authorities } };
}

function endpointInspection(url: string, proof: EndpointProof, fetched: EndpointFetched): Inspection {
  const bySpiffe = 'endpointId' in proof;
  const section = `SPIFFE Federation ${bySpiffe ? '§5.2.2' : '§5.2.1'}`;
  return {
    what: `bundle endpoint ${url}`,
    facts: [['profile', bySpiffe ? 'https_spiffe' : 'https_web']],
    checks: [
      fetched.got === 'text'
        ? yes(
            bySpiffe
              ? 'its server is the workload that was named, and it answers'
              : 'its server has the name in the URL, and it answers',
            section,
          )
        : no(fetched.got === 'bad' ? fetched.problem : 'it does not answer', section),
    ],
  };
}

const inspectServer = (
  tools: InspectTools,
  { endpointId, authorities }: { readonly endpointId: string; readonly authorities: readonly Certificate[] },
  presented: readonly Uint8Array[],
): Promise<Inspection> =>
  inspectChain('X.509-SVID of its server', {
    ders: presented,
    keys: [],
    async anchorsOf(trustDomain) {
      const own = parseSpiffeId(endpointId)?.trustDomain;
      return trustDomain === own ? authorities : { missing: 'the bootstrap bundle is of another trust domain' };
    },
    trustDomain: parseSpiffeId(endpointId)?.trustDomain,
    purposes: ['server'],
    nowSeconds: tools.nowSeconds(),
  });
