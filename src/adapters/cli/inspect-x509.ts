// What is wrong with an X.509-SVID: the broker's own reader and judge, asked piece by piece, so that a leaf is seen to be good where
// only its path is not. Every verdict is theirs; nothing about certificates is decided here.

import { X509Certificate } from 'node:crypto';
import { rfc3339 } from '../../parsing/instant.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { type Chain, readChain } from '../../x509/chain.ts';
import type { Purpose } from '../../x509/path.ts';
import { judgeSvid, svidId } from '../../x509/svid.ts';
import { KEY_PROBLEMS, keyFit } from './credential-bundle.ts';
import {
  badCertificate,
  type Check,
  type Fact,
  type Inspection,
  no,
  unjudged,
  validity,
  yes,
} from './inspect-report.ts';

export interface ChainToInspect {
  /** The leaf first. */
  readonly ders: readonly Uint8Array[];
  /** Private keys that stand beside it, PEM. */
  readonly keys: readonly string[];
  /** The authorities of the trust domain that is named, or why there are none to judge by. */
  readonly anchorsOf: (trustDomain: string) => Promise<readonly Certificate[] | { readonly missing: string }>;
  readonly trustDomain: string | undefined;
  readonly purposes: readonly Purpose[];
  readonly nowSeconds: number;
}

export const CLIENT_AND_SERVER: readonly Purpose[] = ['client', 'server'];

export async function inspectChain(what: string, input: ChainToInspect): Promise<Inspection> {
  const read = readChain(input.ders);
  if (!read.ok) return { what, facts: [], checks: [badCertificate(read.problem)] };
  const { chain } = read;
  const [leaf] = chain;
  const facts = chain.flatMap((certificate, index) =>
    certificateFacts(index === 0 ? 'leaf' : `certificate ${index + 1}`, certificate),
  );
  const readable = yes(
    chain.length === 1 ? 'the certificate can be read' : `the ${chain.length} certificates can be read`,
    'RFC 5280 §4.1',
  );
  const named = svidId(leaf);
  if (!named.ok)
    return { what, facts, checks: [readable, ...keyChecks(input.keys, chain), badCertificate(named.problem)] };
  const { trustDomain } = named.id;
  const checks = [
    readable,
    ...keyChecks(input.keys, chain),
    yes('the leaf names exactly one workload', 'X509-SVID §2 and §5.2'),
    ...domainChecks(trustDomain, input.trustDomain),
    ...leafChecks(leaf, input),
    ...(await pathChecks(chain, trustDomain, input)),
  ];
  return { what, facts: [['spiffe id', named.id.text], ...facts], checks };
}

/** What one certificate says. Nobody has proved any of it. */
export function certificateFacts(which: string, certificate: Certificate): readonly Fact[] {
  const { uriNames, dnsNames, names, notBeforeSeconds, notAfterSeconds, key, thumbprint } = certificate;
  const others = names.length - uriNames.length - dnsNames.length;
  const listed = [
    ...uriNames.map((name) => `URI ${name}`),
    ...dnsNames.map((name) => `DNS ${name}`),
    ...(others > 0 ? [`${others} of other forms`] : []),
  ];
  const { modulusLength, namedCurve } = key?.asymmetricKeyDetails ?? {};
  return [
    [`${which} names`, listed.length > 0 ? listed.join(', ') : 'none'],
    [`${which} issuer`, issuerText(certificate)],
    [`${which} valid`, validity(notBeforeSeconds, notAfterSeconds)],
    [
      `${which} key`,
      key ? `${key.asymmetricKeyType} ${namedCurve ?? modulusLength ?? ''}` : 'of no kind that is taken',
    ],
    [`${which} x5t#S256`, thumbprint],
  ];
}

function issuerText({ der }: Certificate): string {
  try {
    return new X509Certificate(der).issuer.split('\n').join(', ');
  } catch {
    return 'cannot be shown';
  }
}

function keyChecks(keys: readonly string[], chain: Chain): readonly Check[] {
  const fit = keyFit(keys, chain);
  if (fit === undefined) return [];
  return [
    fit === 'fits'
      ? yes('the private key is that of the leaf', 'Filesystem Delivery §2.1')
      : no(`it ${KEY_PROBLEMS[fit]}`, 'Filesystem Delivery §2.1'),
  ];
}

function domainChecks(found: string, wanted: string | undefined): readonly Check[] {
  if (wanted === undefined) return [];
  return found === wanted
    ? [yes(`the workload is of ${wanted}`, 'SPIFFE-ID §2.1')]
    : [no(`the workload is not of ${wanted}`, 'SPIFFE-ID §2.1')];
}

/** The leaf alone, at a time when it is valid: without an anchor its path is all that can be missing. */
function leafProblem(leaf: Certificate, purpose: Purpose) {
  const judged = judgeSvid({ chain: [leaf], anchors: [], nowSeconds: leaf.notBeforeSeconds, purpose });
  return judged.ok || judged.problem === 'issuer_unknown' ? undefined : judged.problem;
}

function leafChecks(leaf: Certificate, { purposes, nowSeconds }: ChainToInspect): readonly Check[] {
  const time = timeProblem(leaf, nowSeconds);
  return [
    time === undefined ? yes('the leaf is valid now', 'RFC 5280 §6.1.3') : badCertificate(time),
    ...purposes.map((purpose) => {
      const problem = leafProblem(leaf, purpose);
      return problem === undefined
        ? yes(`the leaf has what an SVID of a ${purpose} must have`, 'X509-SVID §4, RFC 5280 §4.2')
        : badFor(purpose, badCertificate(problem), purposes);
    }),
  ];
}

/** Judged like everything else, by the one who judges. */
function timeProblem(leaf: Certificate, nowSeconds: number) {
  const judged = judgeSvid({ chain: [leaf], anchors: [], nowSeconds, purpose: 'client' });
  const problem = judged.ok ? undefined : judged.problem;
  return problem === 'expired' || problem === 'not_yet_valid' ? problem : undefined;
}

const badFor = (purpose: Purpose, check: Check, purposes: readonly Purpose[]): Check =>
  purposes.length === 1 ? check : { ...check, says: `as a ${purpose}: ${check.says}` };

async function pathChecks(chain: Chain, trustDomain: string, input: ChainToInspect): Promise<readonly Check[]> {
  const { purposes, nowSeconds } = input;
  const section = 'RFC 5280 §6.1, X509-SVID §5.1';
  const anchors = await input.anchorsOf(trustDomain);
  if ('missing' in anchors) return [unjudged(anchors.missing, section)];
  if (timeProblem(chain[0], nowSeconds) !== undefined)
    return [unjudged('no path is judged for a leaf that is not valid now', section)];
  // What is wrong with the leaf has been said.
  const fit = purposes.filter((purpose) => leafProblem(chain[0], purpose) === undefined);
  return fit.map((purpose) => {
    const judged = judgeSvid({ chain, anchors, nowSeconds, purpose });
    return judged.ok
      ? yes(
          `a path leads to an authority of ${trustDomain}, for a ${purpose}, until ${rfc3339(judged.notAfterSeconds)}`,
          section,
        )
      : badFor(purpose, badCertificate(judged.problem), purposes);
  });
}
