// Whether the server of a bundle endpoint is the workload that the operator wrote (SPIFFE Federation §5.2.2, SF-09): its X.509-SVID
// has that ID, and ends in the latest bundle of that ID's own trust domain. Its host name and the system's authorities prove nothing.

import type { OutboundRequest } from '../core/outside.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readChain } from '../x509/chain.ts';
import { judgeSvid, svidId } from '../x509/svid.ts';

export interface EndpointServerParts {
  readonly endpointId: string;
  /** Asked for every connection: undefined where the authorities are not known. */
  readonly anchors: () => readonly Certificate[] | undefined;
  readonly nowSeconds: () => number;
}

/** The judge of one endpoint. Never throws; says nothing of what the server presented but what is wrong with it. */
export const judgeEndpointServer =
  ({ endpointId, anchors, nowSeconds }: EndpointServerParts): NonNullable<OutboundRequest['serverProblem']> =>
  (ders) => {
    const read = readChain(ders);
    if (!read.ok) return `its certificate: ${read.problem}`;
    const claimed = svidId(read.chain[0]);
    if (!claimed.ok) return `its certificate: ${claimed.problem}`;
    // Before the path: another workload of the same trust domain has a good one.
    if (claimed.id.text !== endpointId) return 'its certificate is of another SPIFFE ID than endpointId';
    const authorities = anchors();
    if (authorities === undefined) return 'the bundle that must prove it is not known yet';
    const judged = judgeSvid({
      chain: read.chain,
      anchors: authorities,
      nowSeconds: nowSeconds(),
      purpose: 'server',
    });
    return judged.ok ? undefined : `its certificate: ${judged.problem}`;
  };
